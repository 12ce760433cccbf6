"""E6: the operation of an HTTP client that leaves ends at once, in MongoDB too; and none lasts too long."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually

COUNTS = 80
ROWS = 30_000
IN_FLIGHT = 40
"""Counts that MongoDB may have worked on when the client has left: those of the driver's threads, twice."""


def scan(text: str) -> str:
    """Return the selection of a count that takes long."""
    return f'tasks(first: 0, filter: {{ title: {{ contains: "{text}" }} }}) {{ totalCount }}'


def scans(text: str) -> str:
    """Return a query of many counts."""
    return "{" + " ".join(f"a{n}: {scan(text)}" for n in range(COUNTS)) + "}"


@pytest.fixture(scope="module")
def settings(mongo_url: str, redis_url: str) -> Iterator[dict[str, Any]]:
    """The settings of an API over a view whose counts take long."""
    name = f"test_{uuid4().hex}"
    own: dict[str, Any] = {
        "mongo_url": mongo_url,
        "redis_url": redis_url,
        "database": name,
        "unindexed_queries": "warn",
    }
    with MongoClient[dict[str, Any]](mongo_url) as client:
        with serve(**own) as served:
            served.do("createTask", title="x")
        row = client[name]["view_tasks_1"].find_one()
        assert row is not None
        copies = ({**row, "_id": f"default/x-{n}", "id": f"x-{n}"} for n in range(ROWS))
        client[name]["view_tasks_1"].insert_many(copies)
        yield own
        client.drop_database(name)


@pytest.fixture(scope="module")
def served(settings: dict[str, Any]) -> Iterator[Served]:
    """An API without a worker, with the deadline of production."""
    with serve(**settings, worker=False, max_batch=2) as running:
        yield running


@pytest.fixture
def database(settings: dict[str, Any]) -> Iterator[Database[dict[str, Any]]]:
    """The database, with a profile of its commands."""
    with MongoClient[dict[str, Any]](settings["mongo_url"]) as client:
        profiled = client[settings["database"]]
        profiled.command({"profile": 2})
        yield profiled
        profiled.command({"profile": 0})
        profiled.drop_collection("system.profile")


@pytest.fixture
def text() -> str:
    """What the test's own counts look for: those of the test before may still begin on a busy machine."""
    return uuid4().hex


def counts(database: Database[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """Return the counts of a text that have ended."""
    ended = database["system.profile"].find({"command.aggregate": "view_tasks_1"})
    return [entry["command"] for entry in ended if text in str(entry["command"])]


def is_idle(database: Database[dict[str, Any]]) -> bool:
    """Return whether no operation reads the view."""
    running = database.client.admin.aggregate([{"$currentOp": {"localOps": True}}])
    return not any(operation.get("ns") == f"{database.name}.view_tasks_1" for operation in running)


def request(method: str, query: str, body: bytes, accept: str) -> bytes:
    if method == "GET":
        head = f"GET /graphql?query={quote(query)} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\n\r\n"
        return head.encode()
    head = (
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"accept: {accept}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@pytest.mark.parametrize(
    ("method", "batch", "accept"),
    [
        ("POST", False, "application/json"),
        ("GET", False, "application/json"),
        ("POST", True, "application/json"),
        ("POST", False, "text/event-stream"),
        ("POST", False, "multipart/mixed"),
    ],
)
def test_e6_a_client_that_leaves_ends_its_reads_in_mongodb(
    served: Served,
    database: Database[dict[str, Any]],
    text: str,
    method: str,
    batch: bool,
    accept: str,
) -> None:
    query = scans(text)
    operation = b'{"query":"' + query.replace('"', '\\"').encode() + b'"}'
    body = b"[" + operation + b"," + operation + b"]" if batch else operation
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        client.sendall(request(method, query, body, accept))
        # Behind the first one, before a busy machine has done them all.
        eventually(lambda: bool(counts(database, text)), every=0.002)
    eventually(lambda: is_idle(database))
    assert len(counts(database, text)) < IN_FLIGHT
    # The process goes on, and does not work on what is left.
    assert served.ask("{ __typename }") == {"__typename": "Query"}
    assert len(counts(database, text)) < IN_FLIGHT


def test_e5_an_operation_ends_at_its_deadline_in_mongodb_too(
    settings: dict[str, Any], database: Database[dict[str, Any]], text: str, driver: str
) -> None:
    with serve(**settings, worker=False, mongo_driver=driver, operation_timeout=0.2) as served:
        asked = 0
        # On a busy machine the time may be over before the first count begins.
        while not (commands := counts(database, text)):
            asked += 1
            error = served.refused(scans(text))
            assert error["extensions"]["code"] == "UNAVAILABLE"
            assert "0.2 seconds" in error["message"]
            eventually(lambda: is_idle(database))
    assert len(commands) < COUNTS * asked
    assert all(0 < command["maxTimeMS"] <= 200 for command in commands)


def test_a_read_that_is_quick_enough_has_the_time_that_is_left(
    served: Served, database: Database[dict[str, Any]], text: str
) -> None:
    assert served.ask(f"{{ {scan(text)} }}") == {"tasks": {"totalCount": 0}}
    [command] = counts(database, text)
    assert 0 < command["maxTimeMS"] <= 30_000
