"""TLS of the API's address, of MongoDB and of Redis, with a certificate authority of the test's own."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pymongo import MongoClient
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from api.devserver.embedded import Mongod
from api.lifecycle import open_runtime
from api.server import open_server
from api.settings import Settings, load_settings
from domain.kernel.errors import ConfigurationError
from tests.helpers.certificates import Authority
from tests.helpers.drivers import chosen_driver
from tests.helpers.served_api import PATIENCE, Served, serve
from tests.helpers.tls_proxy import tls_proxy


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ca")


@pytest.fixture
def own(mongo_url: str, redis_url: str, database: str) -> dict[str, Any]:
    return {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}


@contextmanager
def served_with_tls(authority: Authority, own: dict[str, Any]) -> Iterator[Served]:
    certificate, key = authority.issue("api")
    with serve(**own, worker=False, tls_cert=certificate, tls_key=key) as served:
        yield served


def trusting(authority: Authority, **options: Any) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.file), **options)


async def test_the_api_is_served_over_tls_to_all_clients(authority: Authority, own: dict[str, Any]) -> None:
    with served_with_tls(authority, own) as served:
        address, context = f"127.0.0.1:{served.port}", trusting(authority)
        async with httpx.AsyncClient(verify=context, timeout=PATIENCE) as http:
            response = await http.post(f"https://{address}/graphql", json={"query": "{ __typename }"})
            assert response.json() == {"data": {"__typename": "Query"}}
            assert response.headers["strict-transport-security"].startswith("max-age=")
            with pytest.raises(httpx.TransportError):
                await http.get(f"http://{address}/healthz")
        protocols = [Subprotocol("graphql-transport-ws")]
        async with connect(f"wss://{address}/graphql", subprotocols=protocols, ssl=context) as socket:
            await socket.send('{"type":"connection_init"}')
            assert await socket.recv() == '{"type":"connection_ack"}'
            # More than is handled in one turn: reading pauses below TLS as well.
            await socket.send('{"type":"ping","payload":{"text":"' + "x" * 900_000 + '"}}')
            assert len(await socket.recv()) > 900_000


async def test_a_client_that_listens_over_tls_gets_every_event_at_once(
    authority: Authority, own: dict[str, Any]
) -> None:
    """It sends nothing after its subscription, so only the server's own writes can pass events on."""
    query = "subscription { events { ... on Event { type } } }"
    subscribe = {"type": "subscribe", "id": "1", "payload": {"query": query}}
    create = {"query": 'mutation { createTask(input: {title: "x"}) { receipt { stream } } }'}
    with served_with_tls(authority, own) as served:
        address, context = f"127.0.0.1:{served.port}", trusting(authority)
        async with (
            httpx.AsyncClient(verify=context, timeout=PATIENCE, base_url=f"https://{address}") as http,
            connect(
                f"wss://{address}/graphql",
                subprotocols=[Subprotocol("graphql-transport-ws")],
                ssl=context,
                ping_interval=None,
            ) as socket,
        ):
            await socket.send('{"type":"connection_init"}')
            assert await socket.recv() == '{"type":"connection_ack"}'
            await socket.send(json.dumps(subscribe))
            await wait_for_subscription(http)
            for _ in range(5):
                assert (await http.post("/graphql", json=create)).status_code == 200
                async with asyncio.timeout(PATIENCE):
                    # Other messages say how far the subscription has come.
                    while "task.created" not in await socket.recv(decode=True):
                        pass


async def wait_for_subscription(http: httpx.AsyncClient) -> None:
    """Wait until the server has an open subscription."""
    async with asyncio.timeout(PATIENCE):
        while "nerve_socket_operations 1.0" not in (await http.get("/metrics")).text:
            await asyncio.sleep(0.02)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_older_versions_than_tls_1_2_are_refused(authority: Authority, own: dict[str, Any]) -> None:
    with served_with_tls(authority, own) as served:
        old = trusting(authority)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        async with httpx.AsyncClient(verify=old, timeout=PATIENCE) as http:
            with pytest.raises(httpx.ConnectError):
                await http.get(f"https://127.0.0.1:{served.port}/healthz")


@pytest.mark.parametrize(
    ("certificate", "key", "message"),
    [
        ("missing.crt", "api.key", "tls_cert .*missing.crt cannot be read: No such file"),
        ("api.crt", "missing.key", "tls_key .*missing.key cannot be read: No such file"),
        ("api.crt", "other.key", "are not a certificate and its private key in PEM"),
        ("text.crt", "api.key", "are not a certificate and its private key in PEM"),
    ],
)
async def test_a_wrong_certificate_is_refused_at_the_start(
    tmp_path: Path, own: dict[str, Any], certificate: str, key: str, message: str
) -> None:
    authority = Authority(tmp_path, "ca")
    authority.issue("api")
    authority.issue("other")
    (tmp_path / "text.crt").write_text("no certificate")
    settings = Settings(**own, tls_cert=tmp_path / certificate, tls_key=tmp_path / key)
    with pytest.raises(ConfigurationError, match=message):
        async with open_server(settings):
            pass


def test_a_key_without_a_certificate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NERVE_TLS_KEY", "api.key")
    with pytest.raises(ConfigurationError, match="tls_key needs tls_cert"):
        load_settings()


class TlsMongod(Mongod):
    """A mongod that accepts TLS only, and clients with a certificate only."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        super().__init__(folder)
        self._authority = authority
        self._file = authority.issue_combined("mongod")

    @property
    def url(self) -> str:
        return self.url_trusting(self._authority)

    def url_trusting(self, authority: Authority) -> str:
        """Return the URL for a client that trusts this authority."""
        files = f"tlsCAFile={authority.file}&tlsCertificateKeyFile={self._file}"
        return f"{super().url}&tls=true&{files}"

    def as_member(self, **options: Any) -> MongoClient[dict[str, Any]]:
        files = {"tlsCAFile": str(self._authority.file), "tlsCertificateKeyFile": str(self._file)}
        return super().as_member(tls=True, **files, **options)

    def _arguments(self) -> list[str]:
        options = {
            "--tlsMode": "requireTLS",
            "--tlsCertificateKeyFile": str(self._file),
            "--tlsCAFile": str(self._authority.file),
        }
        return [*super()._arguments(), *(part for option in options.items() for part in option)]


async def test_mongodb_is_used_over_tls_and_a_wrong_authority_is_refused_at_the_start(
    tmp_path: Path, authority: Authority, own: dict[str, Any]
) -> None:
    mongod = TlsMongod(tmp_path / "mongod", authority)
    try:
        mongod.start()
        driver = chosen_driver()
        async with open_runtime(Settings(**{**own, "mongo_url": mongod.url, "mongo_driver": driver})):
            pass
        wrong = mongod.url_trusting(Authority(tmp_path, "stranger"))
        with pytest.raises(ConfigurationError, match="not signed by an authority that mongo_url trusts"):
            async with open_runtime(Settings(**{**own, "mongo_url": wrong, "mongo_driver": driver})):
                pass
        missing = mongod.url.replace(str(authority.file), str(tmp_path / "missing.pem"))
        with pytest.raises(ConfigurationError, match="names a file that cannot be read"):
            async with open_runtime(Settings(**{**own, "mongo_url": missing, "mongo_driver": driver})):
                pass
    finally:
        mongod.kill()


@pytest.fixture
async def tls_redis_url(redis_url: str, authority: Authority) -> AsyncIterator[str]:
    """The URL of the run's Redis over TLS."""
    certificate, key = authority.issue("redis")
    url = urlsplit(redis_url)
    async with tls_proxy(url.port or 0, certificate, key) as port:
        yield url._replace(scheme="rediss", netloc=url.netloc.replace(str(url.port), str(port))).geturl()


async def test_redis_is_used_over_tls_and_a_wrong_authority_is_refused_at_the_start(
    tmp_path: Path, authority: Authority, own: dict[str, Any], tls_redis_url: str
) -> None:
    def settings(file: Path) -> Settings:
        return Settings(**{**own, "redis_url": f"{tls_redis_url}?ssl_ca_certs={file}"})

    async with open_runtime(settings(authority.file)) as runtime:
        assert await runtime.wakeups.reachable()
    with pytest.raises(ConfigurationError, match="not signed by an authority that redis_url trusts"):
        async with open_runtime(settings(Authority(tmp_path, "stranger").file)):
            pass
    with pytest.raises(ConfigurationError, match=r"ssl_ca_certs in the Redis URL: .*missing.pem: No such"):
        async with open_runtime(settings(tmp_path / "missing.pem")):
            pass
