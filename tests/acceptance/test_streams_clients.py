"""Clients of streams over HTTP that leave without a word, or read slowly (I11)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pymongo import MongoClient

from tests.helpers.served_api import PATIENCE, Served, serve
from tests.helpers.servers import eventually

FOLLOW = "subscription { events { __typename ... on Event { data } } }"
CREATE = "mutation ($input: CreateTaskInput!) { createTask(input: $input) { receipt { version } } }"
LIMIT = 1_000
LARGE = "x" * 9_000
EVENTS = 600
"""So much of these does no kernel keep for a client that takes nothing."""


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    own = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**own, worker=False, max_outstanding_bytes=LIMIT, max_batch=20) as running:
        yield running
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@contextmanager
def following(served: Served) -> Iterator[socket.socket]:
    """A connection over which events are told, and that reads by itself nothing."""
    body = orjson.dumps({"query": FOLLOW})
    head = (
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\n"
        "accept: text/event-stream\r\ncontent-type: application/json"
    )
    with socket.socket() as client:
        client.settimeout(PATIENCE)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", served.port))
        client.sendall(f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        read_until(client, b'"CaughtUp"}}}\n\n')
        yield client


def read_until(client: socket.socket, wanted: bytes, times: int = 1) -> bytes:
    """What comes until it holds this as often."""
    read, seen = bytearray(), 0
    while times > 0:
        more = client.recv(1_000_000)
        assert more, "the server ended the stream"
        read += more
        times -= read.count(wanted, seen)
        seen = max(len(read) - len(wanted) + 1, 0)
    return bytes(read)


def numbers(read: bytes) -> list[int]:
    """Of the tasks that were told of."""
    return [int(one.partition(b"-")[0]) for one in read.split(b'"title":"')[1:]]


def figure(served: Served, name: str) -> float:
    """A metric without labels."""
    families = text_string_to_metric_families(served.get("/metrics").text)
    return next(s.value for family in families for s in family.samples if s.name == name)


def idle(served: Served) -> bool:
    return [figure(served, f"nerve_stream{what}") for what in ("s", "_operations")] == [0, 0]


def test_a_client_that_closes_its_connection_leaves_nothing_behind(served: Served) -> None:
    with following(served):
        assert [figure(served, f"nerve_stream{what}") for what in ("s", "_operations")] == [1, 1]
    eventually(lambda: idle(served))


def test_a_client_that_will_send_nothing_more_is_taken_to_be_gone(served: Served) -> None:
    with following(served) as client:
        client.shutdown(socket.SHUT_WR)
        eventually(lambda: idle(served))
        while client.recv(1_000):
            pass


def test_i11_who_reads_nothing_costs_little_and_misses_nothing(served: Served) -> None:
    with following(served) as slow, following(served) as quick:
        flood(served)
        told = numbers(read_until(quick, b"}\n\n", EVENTS))
        eventually(lambda: figure(served, "nerve_stream_outstanding_bytes") > LIMIT)
        # A page of events may have been under way.
        assert figure(served, "nerve_stream_outstanding_bytes") < EVENTS * len(LARGE) / 4
        assert numbers(read_until(slow, b"}\n\n", EVENTS)) == told
    assert sorted(told) == list(range(EVENTS))
    eventually(lambda: idle(served))


def flood(served: Served) -> None:
    """So many tasks, one after the other as far as the log is concerned."""
    for start in range(0, EVENTS, 20):
        batch: list[dict[str, Any]] = []
        for number in range(start, start + 20):
            fields = {"title": f"{number}-", "description": LARGE}
            batch.append({"query": CREATE, "variables": {"input": fields}})
        for answer in served.post(batch).json():
            assert "errors" not in answer
