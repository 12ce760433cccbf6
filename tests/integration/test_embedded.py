"""The embedded servers: real ones, from the PATH or from their wheels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from pymongo.write_concern import WriteConcern
from redis import Redis
from redis.exceptions import AuthenticationError

from api.devserver.embedded import LOOPBACK, EmbeddedServer, Mongod, RedisServer, free_port
from tests.helpers.servers import Servers


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mongod, RedisServer]]:
    """Servers for tests that neither stop them nor store what others would see."""
    servers = Servers(tmp_path_factory.mktemp("shared"))
    try:
        yield servers.mongod(), servers.redis()
    finally:
        servers.kill_all()


def _notes(url: str) -> Any:
    client: MongoClient[dict[str, Any]] = MongoClient(url)
    return client.nerve.get_collection("notes", write_concern=WriteConcern("majority", j=True))


def test_mongod_killed_with_9_has_all_it_acknowledged(servers: Servers) -> None:
    mongod = servers.mongod()
    notes = _notes(mongod.url)
    notes.insert_many({"_id": i} for i in range(100))
    mongod.kill()
    mongod.start()
    assert notes.count_documents({}) == 100
    notes.database.client.close()


def test_mongod_starts_with_its_data_on_another_port(servers: Servers) -> None:
    mongod = servers.mongod()
    with _notes(mongod.url).database.client as client:
        client.nerve.notes.insert_one({"_id": 1})
    assert mongod.stop()
    mongod.port = free_port()
    mongod.start()
    with _notes(mongod.url).database.client as client:
        assert client.nerve.notes.find_one() == {"_id": 1}


def test_redis_server_is_new_enough_for_sharded_pubsub(shared: tuple[Mongod, RedisServer]) -> None:
    with Redis.from_url(shared[1].url) as client:
        assert int(client.info()["redis_version"].partition(".")[0]) >= 7


def test_mongod_refuses_who_has_no_password(shared: tuple[Mongod, RedisServer]) -> None:
    mongod, _ = shared
    for url in (mongod.address, mongod.url.replace(mongod.credentials, "embedded:guessed")):
        with MongoClient[dict[str, Any]](url, directConnection=True) as client:
            with pytest.raises(OperationFailure, match=r"[Aa]uthentication"):
                client.nerve.log.find_one()
            with pytest.raises(OperationFailure, match=r"[Aa]uthentication"):
                client.admin.command("createUser", "first", pwd="guess", roles=["root"])


def test_mongod_runs_no_javascript(shared: tuple[Mongod, RedisServer]) -> None:
    with MongoClient[dict[str, Any]](shared[0].url) as client:
        client.nerve.notes.insert_one({})
        with pytest.raises(OperationFailure, match="globalScriptEngine"):
            client.nerve.notes.find_one({"$where": "true"})


def test_redis_server_refuses_who_has_no_password(shared: tuple[Mongod, RedisServer]) -> None:
    _, redis = shared
    with Redis(port=redis.port) as client, pytest.raises(AuthenticationError):
        client.ping()


def test_only_the_user_who_runs_a_server_can_read_its_files(shared: tuple[Mongod, RedisServer]) -> None:
    for server in shared:
        modes = {path: S_IMODE(path.stat().st_mode) for path in [server.folder, *server.folder.rglob("*")]}
        assert {path.name: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


def test_no_argument_of_a_server_is_its_secret(shared: tuple[Mongod, RedisServer]) -> None:
    for server in shared:
        assert server.secret not in Path(f"/proc/{server.pid}/cmdline").read_text()


class UnprotectedMongod(Mongod):
    """As releases without authentication started it."""

    @property
    def url(self) -> str:
        return f"mongodb://{LOOPBACK}:{self.port}/?directConnection=true"

    def _arguments(self) -> list[str]:
        arguments = super()._arguments()
        place = arguments.index("--keyFile")
        return [each for each in arguments[:place] + arguments[place + 2 :] if each != "--auth"]

    def as_member(self, **options: Any) -> MongoClient[dict[str, Any]]:
        return MongoClient(self.url, **options)

    def make_user(self, client: MongoClient[dict[str, Any]]) -> None:
        """It has no user."""


def test_a_folder_of_a_release_without_authentication_gets_it_at_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "mongo"
    before, after = UnprotectedMongod(folder), Mongod(folder)
    try:
        before.start()
        with MongoClient[dict[str, Any]](before.url) as client:
            client.nerve.notes.insert_one({"_id": 1})
        _stop(before)
        (folder / "secret").unlink()
        folder.chmod(0o755)
        after.start()
        with MongoClient[dict[str, Any]](after.url) as client:
            assert client.nerve.notes.find_one() == {"_id": 1}
        assert S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        _stop(after)


def test_a_new_secret_replaces_a_lost_one(tmp_path: Path) -> None:
    for _ in range(2):
        mongod = Mongod(tmp_path / "mongo")
        try:
            mongod.start()
            with MongoClient[dict[str, Any]](mongod.url) as client:
                client.nerve.notes.insert_one({})
        finally:
            _stop(mongod)
        (tmp_path / "mongo" / "secret").unlink()


def _stop(server: EmbeddedServer) -> None:
    if server.child is not None:
        server.kill()
