"""Requests that do not come to their end are not waited for without end, nor kept whatever their size."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import quote
from uuid import uuid4

import orjson
import pytest
from pymongo import MongoClient

from api.transports import uvicorn_http
from api.transports.uvicorn_http import MAX_HEAD
from tests.helpers.served_api import PATIENCE, Served, serve
from tests.helpers.servers import eventually

MUTATION = 'mutation { registerAgent(input: {name: "x"}) { receipt { version } } }'
ASK = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"


FEW = 5


@pytest.fixture(scope="module")
def impatient(mongo_url: str, redis_url: str) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    own = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**own, worker=False, request_timeout=1.0) as running:
        yield running
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@pytest.fixture
def small(mongo_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """An API that waits for few heads of a client."""
    monkeypatch.setattr(uvicorn_http, "MAX_PENDING_HEADS", FEW)
    database = f"test_{uuid4().hex}"
    with serve(mongo_url=mongo_url, redis_url=redis_url, database=database, worker=False) as running:
        yield running
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@contextmanager
def connected(served: Served, address: str = "127.0.0.1") -> Iterator[socket.socket]:
    place = ("127.0.0.1", served.port)
    with socket.create_connection(place, PATIENCE, source_address=(address, 0)) as client:
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


def is_served(served: Served, address: str = "127.0.0.1") -> bool:
    """Return whether a new connection from this address is served, or else cut."""
    with connected(served, address) as client, suppress(ConnectionError):
        client.sendall(ASK + b"connection: close\r\n\r\n")
        return rest(client).startswith(b"HTTP/1.1 200")
    return False


def test_a_client_with_too_many_heads_that_do_not_end_is_cut(small: Served) -> None:
    """Until one ends or is gone. Other clients are served, and what was served before keeps no place."""
    for _ in range(2 * FEW):
        assert is_served(small)
    with ExitStack() as stack:
        halves = [stack.enter_context(connected(small)) for _ in range(FEW)]
        for client in halves:
            client.sendall(b"G")
        assert not is_served(small)
        assert is_served(small, "127.0.0.2")
        halves[0].sendall(ASK[1:] + b"\r\n")
        assert halves[0].recv(15) == b"HTTP/1.1 200 OK"
        assert is_served(small)
        halves[0].sendall(b"G")
        eventually(lambda: not is_served(small))
        halves[1].close()
        eventually(lambda: is_served(small))


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
