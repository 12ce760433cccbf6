"""The embedded servers: real ones, from the PATH or from their wheels."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.write_concern import WriteConcern
from redis import Redis

from api.devserver.embedded import free_port
from tests.helpers.servers import Servers


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


def test_redis_server_is_new_enough_for_sharded_pubsub(servers: Servers) -> None:
    with Redis.from_url(servers.redis().url) as client:
        assert int(client.info()["redis_version"].partition(".")[0]) >= 7
