"""Connections of several API processes, which answer each other over Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from api.access.admissions import Admission, Admissions
from api.access.callers import OPEN
from api.connections.directory import TOPIC, ConnectionDirectory
from api.connections.message_seal import MessageSeal
from api.connections.open_connections import (
    ConnectionKind,
    OpenConnection,
    OpenConnections,
    RunningOperation,
    ServerReport,
)
from api.ids import now
from domain.kernel.errors import NerveError, NotFound
from subscriptions.feed.wakeups import Wakeups

PATIENCE = 60.0


class Idle(NamedTuple):
    """A connection over which nothing runs."""

    admission: Admission
    outstanding: int = 0
    operations: int = 0

    def running(self) -> Iterator[RunningOperation]:
        return iter(())


class Transport(NamedTuple):
    """Has the connection until that was closed with an error."""

    idle: Idle
    closed: Sequence[NerveError]
    kind: ConnectionKind = "STREAM"

    def connections(self) -> Sequence[OpenConnection]:
        return () if self.closed else (self.idle,)


class Server(NamedTuple):
    """An API process with one open connection, and the errors with which it was closed."""

    name: str
    directory: ConnectionDirectory
    wakeups: Wakeups
    closed: list[NerveError]

    @property
    def connection(self) -> str:
        return f"{self.name}/1"


@asynccontextmanager
async def server(name: str, redis_url: str, database: str) -> AsyncIterator[Server]:
    """Run the part of an API process that knows its connections."""
    wakeups, admissions = Wakeups(redis_url, database), Admissions(OPEN, now, limit=10)
    closed: list[NerveError] = []
    admission = admissions.admit({})
    assert isinstance(admission, Admission)
    admissions.keep_open(admission, closed.append)

    own = OpenConnections(name)
    own.add(Transport(Idle(admission), closed))
    directory = ConnectionDirectory(own, admissions, wakeups, MessageSeal(b"a secret of the log"))
    await wakeups.start()
    try:
        yield Server(name, directory, wakeups, closed)
    finally:
        await wakeups.stop()


@asynccontextmanager
async def two_servers(redis_url: str, database: str) -> AsyncIterator[tuple[Server, Server]]:
    """Run two processes that reach each other."""
    async with server("a", redis_url, database) as first, server("b", redis_url, database) as second:
        await reports_of_both(first)
        yield first, second


async def reports_of_both(asked: Server) -> Sequence[ServerReport]:
    """Ask until the other server answers in time, which a busy machine may prevent."""
    async with asyncio.timeout(PATIENCE):
        while len(reports := await asked.directory.reports(10)) < 2:
            pass
    return reports


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.connections.directory.CONFIRMED_WITHIN", PATIENCE)


async def test_each_server_reports_its_own_connections(redis_url: str, database: str) -> None:
    """The one that was asked comes first."""
    async with two_servers(redis_url, database) as (first, second):
        for asked, names in ((first, ["a", "b"]), (second, ["b", "a"])):
            reports = await reports_of_both(asked)
            assert [report.server for report in reports] == names
            assert [each.id for report in reports for each in report.largest] == [f"{n}/1" for n in names]


async def test_a_server_whose_reply_comes_twice_is_reported_once(
    redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_servers(redis_url, database) as (first, second):
        publish = second.wakeups.publish

        def publish_twice(topic: str, text: str) -> None:
            publish(topic, text)
            publish(topic, text)

        monkeypatch.setattr(second.wakeups, "publish", publish_twice)
        assert [report.server for report in await reports_of_both(first)] == ["a", "b"]


async def test_a_message_that_is_too_long_is_ignored(
    redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any program may write to the channel, and reading takes memory and time."""
    async with two_servers(redis_url, database) as (first, _second):
        monkeypatch.setattr("api.connections.directory.MAX_MESSAGE", 10)
        assert [report.server for report in await first.directory.reports(10)] == ["a"]


async def test_the_server_that_has_a_connection_ends_it(redis_url: str, database: str) -> None:
    """Whichever server was asked; the other connections stay open."""
    async with two_servers(redis_url, database) as (first, second):
        await first.directory.end(second.connection, "it is idle", "ada")
        assert [str(error) for error in second.closed] == [
            "an operator has ended this connection: it is idle"
        ]
        assert first.closed == []
        await first.directory.end(first.connection, "it too", None)
        assert len(first.closed) == 1


async def test_who_has_redis_alone_neither_ends_a_connection_nor_sees_one(
    redis_url: str, database: str
) -> None:
    """Messages are encrypted with a key of the log; others are ignored."""
    async with two_servers(redis_url, database) as (first, second):
        texts: list[str] = []
        first.wakeups.subscribe(TOPIC, texts.append)
        end = {"kind": "end", "request": "x", "connection": second.connection, "reason": "", "actor": None}
        for text in (json.dumps(end), MessageSeal(b"of another log").seal(json.dumps(end)), "no message"):
            first.wakeups.publish(TOPIC, text)
        await second.directory.reports(10)
        assert second.closed == []
        assert not any("server" in text or "STREAM" in text for text in texts)


async def test_a_connection_that_no_server_has_is_not_found(
    redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of this server at once; for another server's, its answer is waited for."""
    monkeypatch.setattr("api.connections.directory.CONFIRMED_WITHIN", 0.05)
    async with server("a", redis_url, database) as only:
        for missing in ("a/2", "b/1", "nonsense"):
            with pytest.raises(NotFound, match="no server has confirmed"):
                await only.directory.end(missing, "why not", None)
        assert only.closed == []
