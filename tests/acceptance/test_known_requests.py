"""A request that is known byte by byte has the response that it would have if it were parsed."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import orjson
import pytest
from pymongo import MongoClient

from api.transports.shortcut_protocol import ShortcutProtocol
from api.transports.shortcuts import OnServed, Shortcuts
from domain.kernel.access import ADMINISTRATOR
from tests.helpers.access_rig import END, AccessRig, access_rig, bearer
from tests.helpers.served_api import PATIENCE, Served, serve
from tests.helpers.servers import eventually
from tests.helpers.tokens import make_token

AGENTS = "query Agents { agents(first: 50) { nodes { name } totalCount } }"
UNTIL_KNOWN = 3
"""The result is cached when the query is sent for the second time, and the request is known after that."""


@pytest.fixture
def own(mongo_url: str, redis_url: str) -> Iterator[dict[str, Any]]:
    database = f"test_{uuid4().hex}"
    yield {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The data that was parsed."""
    data_parsed: list[bytes] = []
    parse = ShortcutProtocol._parse

    def count(self: ShortcutProtocol, data: bytes, *refusal: Any) -> None:
        data_parsed.append(data)
        parse(self, data, *refusal)

    monkeypatch.setattr(ShortcutProtocol, "_parse", count)
    return data_parsed


def request(query: str, *lines: str) -> bytes:
    body = orjson.dumps({"query": query})
    head = ("POST /graphql HTTP/1.1", "host: localhost", "content-type: application/json", *lines)
    return "\r\n".join((*head, f"content-length: {len(body)}", "", "")).encode() + body


class Connection:
    """A connection that sends bytes as they are."""

    def __init__(self, client: socket.socket) -> None:
        self.socket = client
        self._received = b""

    def send(self, data: bytes) -> tuple[bytes, bytes]:
        """Send a request; return the head of the response without its date, and the body."""
        self.socket.sendall(data)
        return self.receive()

    def ask(self, data: bytes) -> Any:
        """Send a request, and return the JSON of its response."""
        return orjson.loads(self.send(data)[1])

    def receive(self) -> tuple[bytes, bytes]:
        while b"\r\n\r\n" not in self._received:
            self._read()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head)
        assert found
        size = int(found[1])
        while len(self._received) < size:
            self._read()
        body, self._received = self._received[:size], self._received[size:]
        return re.sub(rb"date: [^\r]+", b"", head), body

    def _read(self) -> None:
        data = self.socket.recv(65_536)
        assert data, "the server has closed the connection"
        self._received += data


@contextmanager
def connected(served: Served) -> Iterator[Connection]:
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Connection(client)


def test_a_known_request_has_the_same_response_as_before(own: dict[str, Any], parsed: list[bytes]) -> None:
    """Also the headers that a page of another origin needs. The rows are the present ones."""
    with serve(**own, allowed_origins=["https://shop.example"]) as served, connected(served) as connection:
        served.do("registerAgent", name="Ada")
        lines = "origin: https://shop.example", "x-api-key: some key"
        agents = request(AGENTS, *lines)
        usual = connection.send(agents)
        assert b"access-control-allow-origin: https://shop.example" in usual[0]
        assert b"cache-control: no-store" in usual[0]
        assert [connection.send(agents) for _ in range(UNTIL_KNOWN + 3)] == [usual] * (UNTIL_KNOWN + 3)
        assert parsed.count(agents) <= UNTIL_KNOWN
        served.do("registerAgent", name="Ben")
        assert connection.ask(agents)["data"]["agents"]["totalCount"] == 2
        known = parsed.count(agents)
        assert connection.ask(agents)["data"]["agents"]["totalCount"] == 2
        assert parsed.count(agents) == known


def test_requests_are_served_in_the_order_in_which_they_arrive(
    own: dict[str, Any], parsed: list[bytes]
) -> None:
    """However they are divided into pieces."""
    with serve(**own) as served, connected(served) as connection:
        served.do("registerAgent", name="Ada")
        agents, other = request(AGENTS), request("{ __typename }")
        usual, different = connection.send(agents), connection.send(other)
        for _ in range(UNTIL_KNOWN):
            connection.send(agents)
        known = parsed.count(agents)
        for pieces in (
            (agents, other, agents),
            (agents, agents + other, other),
            (agents + agents, agents),
            (agents[:40], agents[40:], agents, other[:-3], other[-3:] + agents),
        ):
            for piece in pieces:
                connection.socket.sendall(piece)
            expected = [usual, different] if pieces[1] is other else []
            sent = b"".join(pieces)
            count = sent.count(b"POST ")
            received = [connection.receive() for _ in range(count)]
            assert received[: len(expected)] == expected
            assert received.count(usual) == sent.count(b"Agents")
            assert received.count(different) == count - received.count(usual)
        assert connection.send(agents) == usual
        assert parsed.count(agents) == known


def test_data_behind_a_known_request_waits_for_its_response(
    own: dict[str, Any], parsed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are checked here until more data has arrived."""
    serve_known, receive = Shortcuts.serve, ShortcutProtocol.data_received
    checked: list[Callable[[], None]] = []

    def serve_late(self: Shortcuts, request: Any, peer: str | None, on_served: OnServed) -> None:
        serve_known(self, request, peer, lambda *outcome: checked.append(partial(on_served, *outcome)))

    def end_check(self: ShortcutProtocol, data: bytes) -> None:
        was_serving = self._is_serving
        receive(self, data)
        if was_serving:
            self.loop.call_later(0, lambda: checked.pop()())

    with serve(**own) as served, connected(served) as connection:
        served.do("registerAgent", name="Ada")
        agents, other = request(AGENTS), request("{ __typename }")
        usual, *_ = [connection.send(agents) for _ in range(UNTIL_KNOWN)]
        different = connection.send(other)
        monkeypatch.setattr(Shortcuts, "serve", serve_late)
        monkeypatch.setattr(ShortcutProtocol, "data_received", end_check)
        connection.socket.sendall(agents)
        eventually(lambda: bool(checked))
        connection.socket.sendall(other)
        assert [connection.receive() for _ in range(2)] == [usual, different]


def test_a_request_that_closes_its_connection_is_not_known(own: dict[str, Any], parsed: list[bytes]) -> None:
    with serve(**own, worker=False) as served:
        agents = request(AGENTS, "connection: close")
        for _ in range(UNTIL_KNOWN + 1):
            with connected(served) as connection:
                head, _ = connection.send(agents)
                assert b"connection: close" in head
                assert connection.socket.recv(1) == b""
        assert parsed.count(agents) == UNTIL_KNOWN + 1


def test_a_request_with_a_known_head_is_served_as_before(own: dict[str, Any], parsed: list[bytes]) -> None:
    """Whatever its body is. A head with another length, or with more data behind it, is parsed."""
    with serve(**own, worker=False) as served, connected(served) as connection:
        names = ("Ada", "Ben", "Cam")
        register = 'mutation { registerAgent(input: {name: "%s"}) { receipt { version } } }'
        first, *others = (request(register % name) for name in names)
        usual = connection.send(first)
        assert b"x-content-type-options: nosniff" in usual[0]
        assert [connection.send(other) for other in others] == [usual, usual]
        assert parsed == [first]
        size = len(first.partition(b"\r\n\r\n")[2]) - len('{"query":""}')
        wrong = [request("?" * size), first[:-2] + b"]]"]
        refused = [connection.send(each) for each in wrong]
        assert parsed == [first]
        with connected(served) as other:
            as_parsed = [other.send(each.replace(b"localhost", b"LOCALHOST")) for each in wrong]
        assert refused == as_parsed
        assert b'"VALIDATION_FAILED"' in refused[0][1]
        assert b"body is not JSON" in refused[1][1]
        connection.socket.sendall(first + others[0])
        assert [connection.receive() for _ in range(2)] == [usual, usual]
        assert len(served.stored()) == 5


def test_limits_of_the_caller_count_known_requests(own: dict[str, Any], parsed: list[bytes]) -> None:
    """After a mutation and six queries, the next one is refused, and counted once."""
    few = {"per_caller": 0.01, "per_tenant": 1_000, "per_address": 0.01, "burst": 700}
    with serve(**own, rates=few) as served, connected(served) as connection:
        served.do("registerAgent", name="Ada")
        agents = request(AGENTS)
        for _ in range(6):
            assert "errors" not in connection.ask(agents)
        assert parsed.count(agents) <= UNTIL_KNOWN
        [error] = connection.ask(agents)["errors"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        refused = 'nerve_rate_limited_total{limit="address"} 1.0'
        assert refused in served.get("/metrics").text


@pytest.fixture
def rig(mongo_url: str, redis_url: str) -> Iterator[AccessRig]:
    with access_rig(mongo_url, redis_url) as rig:
        yield rig


def test_a_caller_without_access_is_refused(rig: AccessRig, parsed: list[bytes]) -> None:
    with rig.serve(worker=True) as served, connected(served) as connection:
        token = bearer(make_token("ada", roles=[ADMINISTRATOR]))
        register = (
            'mutation { registerAgent(input: {name: "Ada"}, await: PROJECTED) { receipt { version } } }'
        )
        registered = served.post({"query": register}, authorization=token).json()
        assert "errors" not in registered, registered
        agents = request(AGENTS, f"authorization: {token}")
        for _ in range(UNTIL_KNOWN + 1):
            assert "errors" not in connection.ask(agents)
        assert parsed.count(agents) <= UNTIL_KNOWN
        end = {"kind": "SUBJECT", "name": "ada", "reason": "closed"}
        ended = served.post({"query": END, "variables": {"input": end}}, authorization=token).json()
        assert "errors" not in ended, ended
        for query in (AGENTS, AGENTS.replace("Agents", "agents")):
            [error] = connection.ask(request(query, f"authorization: {token}"))["errors"]
            assert error["extensions"]["code"] == "UNAUTHENTICATED"
