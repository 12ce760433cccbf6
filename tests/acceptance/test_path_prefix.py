"""C14: all of nerve behind a path, served by a proxy that passes the path on and by one that cuts it off."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from api.devserver.embedded import free_port
from tests.acceptance.clients.programs import PACKAGE, build_pages, node_with_clients, require
from tests.helpers.served_api import PATIENCE, serve
from tests.helpers.servers import eventually

CADDY = Path(sys.executable).parent / "caddy"
DEADLINE = 120.0
QUERY = {"query": "{ __typename }"}


@contextmanager
def _proxy(folder: Path, directive: str, port: int) -> Iterator[str]:
    """The address of a proxy that serves only what is below /nerve."""
    own = free_port()
    config = folder / "Caddyfile"
    config.write_text(
        "{\n admin off\n auto_https off\n default_bind 127.0.0.1\n}\n"
        f"http://:{own} {{\n {directive} /nerve/* {{\n  reverse_proxy 127.0.0.1:{port}\n }}\n"
        " respond 404\n}\n"
    )
    command = [str(CADDY), "run", "--config", str(config), "--adapter", "caddyfile"]
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    proxy = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: proxy.poll() is not None or _answers(own))
        assert proxy.poll() is None, "caddy ended"
        yield f"127.0.0.1:{own}/nerve"
    finally:
        proxy.terminate()
        proxy.wait(30)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE).status_code == 404
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module", params=["handle", "handle_path"], ids=["passed on", "cut off"])
def behind(
    request: pytest.FixtureRequest,
    mongo_url: str,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address behind the proxy. Only one that passes the prefix on needs the setting."""
    database = f"test_{uuid4().hex}"
    prefix = "/nerve" if request.param == "handle" else ""
    own: dict[str, Any] = {
        "mongo_url": mongo_url,
        "redis_url": redis_url,
        "database": database,
        "path_prefix": prefix,
    }
    folder = tmp_path_factory.mktemp("caddy")
    with serve(**own) as served, _proxy(folder, request.param, served.port) as address:
        yield address
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


def test_c14_http_and_sockets_work_behind_a_prefix(behind: str) -> None:
    host = behind.partition("/")[0]
    for path in ("/graphql", "/graphql/"):
        response = httpx.post(
            f"http://{behind}{path}", json=QUERY, headers={"origin": f"http://{host}"}, timeout=PATIENCE
        )
        assert response.json() == {"data": {"__typename": "Query"}}
        with connect(
            f"ws://{behind}{path}",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            origin=Origin(f"http://{host}"),
        ) as socket:
            socket.send('{"type": "connection_init"}')
            assert json.loads(socket.recv(timeout=PATIENCE)) == {"type": "connection_ack"}
    assert (
        httpx.post(
            f"http://{behind}/graphql", json=QUERY, headers={"origin": "null"}, timeout=PATIENCE
        ).status_code
        == 403
    )
    front = httpx.get(f"http://{behind}/", follow_redirects=True, timeout=PATIENCE)
    assert (front.status_code, str(front.url)) == (200, f"http://{behind}/graphiql")
    assert httpx.get(f"http://{behind}/healthz", timeout=PATIENCE).json() == {"alive": True}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("behind", "pages"),
    [("handle", ["/graphiql", "/graphiql/"]), ("handle_path", ["/graphiql/", "/graphiql"])],
    indirect=["behind"],
    ids=["passed on", "cut off"],
)
def test_c14_graphiql_works_behind_a_prefix_in_a_browser(
    behind: str, pages: list[str], tmp_path: Path
) -> None:
    """One window subscribes at the page with or without a slash at its end, a second writes at the other."""
    build_pages()
    seen = _browse(f"http://{behind}", pages, tmp_path)
    assert seen["sockets"] == [f"ws://{behind}/graphql"]
    assert all(url.startswith((f"http://{behind}/", "data:")) for url in seen["requests"][:-1])
    assert seen["problems"] == []
    assert "Read the incident report" in seen["live"]


def _browse(base: str, pages: list[str], folder: Path) -> dict[str, Any]:
    chromium = require("chromium", "chromium-browser", "google-chrome")
    elsewhere = "http://127.0.0.1:9/"
    command = [node_with_clients(), "browser.mjs", chromium, base, elsewhere, str(folder), *pages]
    done = subprocess.run(
        command, cwd=PACKAGE, stdout=subprocess.PIPE, text=True, timeout=DEADLINE, check=True
    )
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen
