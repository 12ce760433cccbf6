"""Requests that do not come to their end are not waited for without end, nor kept whatever their size."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote
from uuid import uuid4

import orjson
import pytest
from pymongo import MongoClient

from api.transports.uvicorn_http import MAX_HEAD
from tests.helpers.served_api import PATIENCE, Served, serve

MUTATION = 'mutation { registerAgent(input: {name: "x"}) { receipt { version } } }'
ASK = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"


@pytest.fixture(scope="module")
def impatient(mongo_url: str, redis_url: str) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    own = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**own, worker=False, request_timeout=0.3) as running:
        yield running
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@contextmanager
def connected(served: Served) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as client:
        yield client


def rest(client: socket.socket) -> bytes:
    """All that comes until the server closes."""
    read = b""
    while more := client.recv(65_536):
        read += more
    return read


def test_who_says_nothing_is_let_go(impatient: Served) -> None:
    with connected(impatient) as client:
        assert rest(client) == b""


def read_until(client: socket.socket, wanted: bytes) -> None:
    read = b""
    while wanted not in read:
        more = client.recv(65_536)
        assert more, "the server has closed"
        read += more


@pytest.mark.parametrize("begun", [b"G", ASK, ASK + b"x-half: "])
def test_a_head_that_does_not_come_to_its_end_is_timed_out(impatient: Served, begun: bytes) -> None:
    with connected(impatient) as client:
        client.sendall(begun)
        assert rest(client).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_that_holds_for_a_second_request_too(impatient: Served) -> None:
    with connected(impatient) as client:
        client.sendall(ASK + b"\r\n" + ASK)
        first, second = rest(client).split(b"HTTP/1.1 ")[1:]
        assert first.startswith(b"200")
        assert second.startswith(b"408")


def test_a_request_that_is_begun_early_does_not_end_the_answer_before(impatient: Served) -> None:
    query = "subscription { events { __typename } }"
    ask = (
        f"GET /graphql?query={quote(query)} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n"
    )
    with connected(impatient) as client:
        client.sendall(ask.encode() + ASK)
        read_until(client, b"CaughtUp")
        with connected(impatient) as other:
            assert rest(other) == b""
        impatient.http.post("/graphql", json={"query": MUTATION})
        read_until(client, b'"Event"')


def test_a_body_that_does_not_come_is_timed_out(impatient: Served) -> None:
    head = (
        b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100"
    )
    with connected(impatient) as client:
        client.sendall(head + b'\r\n\r\n{"query":')
        answer, _, body = rest(client).partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert orjson.loads(body)["errors"][0]["extensions"] == {"code": "VALIDATION_FAILED", "path": ["body"]}


@pytest.mark.parametrize("begun", [b"GET /", ASK + b"x-long: "])
def test_a_head_that_is_too_long_is_refused(served: Served, begun: bytes) -> None:
    with connected(served) as client:
        client.sendall(begun + b"x" * MAX_HEAD)
        assert rest(client).startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")


def test_a_head_may_come_in_pieces(served: Served) -> None:
    with connected(served) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in ASK:
            client.sendall(bytes([byte]))
        client.sendall(b"connection: close\r\n\r\n")
        assert rest(client).startswith(b"HTTP/1.1 200 OK\r\n")
