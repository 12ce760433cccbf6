"""Queries over HTTP: nerve, the same rows by other servers, and the same bytes without GraphQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from tempfile import NamedTemporaryFile
from typing import Any

import orjson

from tests.bench.data import prepare_rows
from tests.bench.harness import Benchmark, Contender, Contest, Figure, Goal
from tests.bench.limits import ANSWERS, answer_key
from tests.bench.load import ask, load
from tests.bench.machine import Machine
from tests.bench.read_operations import (
    HUNDRED_IDS,
    OTHER_IDS,
    OTHER_LINKS,
    OTHER_PAGES,
    SAME_PAGE,
    ReadOperation,
)
from tests.bench.read_servers import (
    BY_HAND,
    MERCURIUS,
    NERVE,
    NERVE_FROM_MEMORY,
    SAME_BYTES,
    STRAWBERRY,
    ReadServer,
    all_peers,
    memory_peers,
)

CONNECTIONS, MANY_CONNECTIONS = 16, 64
SECONDS = 1.0

SAMPLE = 100
"""Responses of each server that are compared before anything is measured."""


@dataclass(frozen=True, slots=True)
class ServedReads:
    """A server that runs, the requests to it in their order, and its responses to the first of them."""

    name: str
    port: int
    requests: Sequence[bytes]
    sample: Sequence[bytes]

    def contender(self, reads: ReadContest) -> Contender:
        """Return what sends the requests over and over; each turn goes on where the one before ended."""
        requests = cycle(self.requests)
        is_whole = len(self.sample) == len(self.requests)
        check = frozenset(self.sample).__contains__ if is_whole else reads.operation.is_complete

        async def turn() -> Figure:
            return reads.value(await load(self.port, requests, reads.connections, SECONDS, check))

        return Contender(self.name, turn)


def _per_second(figure: Figure) -> Figure:
    return figure


def _milliseconds(figure: Figure) -> Figure:
    assert figure.latency is not None
    return figure._replace(value=figure.latency.median)


@dataclass(frozen=True, slots=True)
class ReadContest:
    """One operation, sent to all servers over so many connections; `value` is what of a turn is compared."""

    operation: ReadOperation
    connections: int = CONNECTIONS
    nerve: ReadServer = NERVE
    closer_limits: Sequence[ReadServer] = ()
    peers: Callable[[], Sequence[ReadServer]] = all_peers
    value: Callable[[Figure], Figure] = _per_second

    @asynccontextmanager
    async def contest(self, machine: Machine) -> AsyncIterator[Contest]:
        """Serve the same rows by all servers, and compare their responses."""
        environment = {**machine.settings(await prepare_rows(machine)), "NODE_ENV": "production"}
        with ExitStack() as stack:

            async def serve(server: ReadServer, upto: int | None = None) -> ServedReads:
                port = stack.enter_context(machine.listening(server.name, server.command, environment))
                requests = self.operation.requests(server.cursor)[:upto]
                sample = [await ask(port, request) for request in requests[:SAMPLE]]
                return ServedReads(server.name, port, requests, sample)

            nerve = await serve(self.nerve)
            file = stack.enter_context(NamedTemporaryFile())
            file.write(orjson.dumps(self._by_key(nerve.sample)))
            file.flush()
            environment[ANSWERS] = file.name
            limit = await serve(SAME_BYTES, SAMPLE)
            if limit.sample != nerve.sample:
                raise RuntimeError("the limit does not answer with the same bytes")
            closer_limits = [await serve(server) for server in self.closer_limits]
            peers = [await serve(server) for server in self.peers()]
            for other in (*closer_limits, *peers):
                _compare(nerve, other)
            yield Contest(
                nerve.contender(self),
                limit.contender(self),
                tuple(peer.contender(self) for peer in peers),
                tuple(other.contender(self) for other in closer_limits),
            )

    def _by_key(self, responses: Sequence[bytes]) -> dict[str, Any]:
        """Return the sample of nerve's responses by what was asked for."""
        keys = map(answer_key, self.operation.variables(self.nerve.cursor)[:SAMPLE])
        return dict(zip(keys, map(orjson.loads, responses), strict=True))


def _compare(nerve: ServedReads, other: ServedReads) -> None:
    """Raise RuntimeError unless both say the same, however they space their JSON and write UTC."""
    for response, expected in zip(other.sample, nerve.sample, strict=True):
        if _data(response) != _data(expected):
            raise RuntimeError(f"{other.name} answers {response!r}, and nerve {expected!r}")


def _data(response: bytes) -> Any:
    return orjson.loads(response.replace(b"+00:00", b"Z").replace(b"000Z", b"Z"))["data"]


def _row(name: str, about: str, reads: ReadContest, *goals: Goal, unit: str = "requests/s") -> Benchmark:
    return Benchmark(f"http.{name}", unit, about, reads.contest, goals)


BENCHMARKS = (
    _row(
        "list20",
        "the same page of 20 with a nested list",
        ReadContest(SAME_PAGE),
        Goal(SAME_BYTES.name, 0.5),
        Goal(MERCURIUS, 8),
    ),
    _row(
        "list20.cold",
        "a page of 20 with a nested list, each time another one",
        ReadContest(OTHER_PAGES, closer_limits=(BY_HAND,)),
        Goal(MERCURIUS, 1.5),
        Goal(STRAWBERRY.name, 8),
        Goal(BY_HAND.name, 0.8),
    ),
    _row(
        "list20.memory",
        "a page of 20, executed each time on rows held in memory",
        ReadContest(SAME_PAGE, nerve=NERVE_FROM_MEMORY, peers=memory_peers),
    ),
    _row("byid", "one of 100 rows by its id", ReadContest(HUNDRED_IDS), Goal(SAME_BYTES.name, 0.5)),
    _row(
        "byid.cold",
        f"another row by its id each time, over {MANY_CONNECTIONS} connections",
        ReadContest(OTHER_IDS, MANY_CONNECTIONS, closer_limits=(BY_HAND,)),
        Goal(MERCURIUS, 1.2),
    ),
    _row(
        "nested",
        "another page of 20 each time, with the tasks of its rows and the agents of these",
        ReadContest(OTHER_LINKS),
        Goal(MERCURIUS, 1.2),
    ),
    _row(
        "latency",
        "another row by its id each time, over one connection",
        ReadContest(OTHER_IDS, 1, closer_limits=(BY_HAND,), value=_milliseconds),
        Goal(MERCURIUS, 1, at_most=True),
        unit="ms",
    ),
    _row(
        "latency.list20",
        "another page of 20 each time, over one connection",
        ReadContest(OTHER_PAGES, 1, closer_limits=(BY_HAND,), value=_milliseconds),
        Goal(MERCURIUS, 1, at_most=True),
        unit="ms",
    ),
)
