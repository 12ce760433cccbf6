"""One event to many subscribers: nerve, ready bytes on nerve's own sockets, and others' servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from tests.bench.fanout.audience import Audience, Server, Turn, audience, node, python
from tests.bench.harness import Benchmark, Contender, Contest, Figure, Goal, Latency
from tests.bench.machine import Machine

SECONDS = 1.0
BURST = 200
FEW, MANY = 500, 5_000
"""Subscribers."""

NERVE = python("events handed to its feed", "subject:handed", on="Event")
OWN_IDS = python("nerve, each operation under a UUID", "subject:handed", on="Event", own_ids=True)
APPENDING = python("from append to the last", "subject:appending", on="Event")
BARE = python("ready frames on the same sockets", "bare:written", on="Event", bare=True)
THROUGH_ASGI = python("ready bytes through ASGI, uvicorn's websockets-sansio", "bare:sent", bare=True)
STRAWBERRY = python("strawberry's ASGI handler", "plain:broadcast")
GRAPHQL_WS = "graphql-ws on Node, with ws"

Value = Callable[[Turn], float]


def _per_second(turn: Turn) -> float:
    return turn.messages / turn.elapsed


def _p99(seconds: list[float]) -> float:
    """In milliseconds."""
    return Latency.of(seconds).p99


@dataclass(frozen=True, slots=True)
class Broadcast:
    """So many subscribers, told `size` events at once, and again when all have the last."""

    subscribers: int
    size: int = 1
    distinct: bool = False

    @asynccontextmanager
    async def contest(self, machine: Machine) -> AsyncIterator[Contest]:
        """Deliveries a second."""
        async with AsyncExitStack() as stack:
            nerve = await self.contender(NERVE, machine, stack)
            limit = await self.contender(BARE, machine, stack)
            peers = [await self.contender(server, machine, stack) for server in (OWN_IDS, *_peers())]
            yield Contest(nerve, limit, tuple(peers))

    async def contender(self, server: Server, machine: Machine, stack: AsyncExitStack) -> Contender:
        """Deliveries a second of one server."""
        subscribed = await self.open(server, machine, stack)
        return _contender(server.name, subscribed, self.size, _per_second)

    @asynccontextmanager
    async def latency(self, machine: Machine) -> AsyncIterator[Contest]:
        """The 99th percentile of the time until the last subscriber has an event."""
        async with AsyncExitStack() as stack:
            nerve = await self.open(APPENDING, machine, stack)

            async def contender(server: Server) -> Contender:
                told = await self.open(server, machine, stack)
                return _contender(server.name, told, 1, lambda turn: _p99(turn.reached))

            yield Contest(
                _contender(APPENDING.name, nerve, 1, lambda turn: _p99(turn.reached), acknowledged=True),
                await contender(BARE),
                (
                    _contender(
                        "nerve, from when it is stored",
                        nerve,
                        1,
                        lambda turn: _p99(turn.behind),
                        acknowledged=True,
                    ),
                    *[await contender(server) for server in _peers()],
                ),
            )

    async def open(self, server: Server, machine: Machine, stack: AsyncExitStack) -> Audience:
        """The server with its subscribers, on a database of its own where it uses one."""
        environment = machine.settings(f"fanout_{uuid4().hex}")
        opened = audience(server, environment, self.subscribers, self.distinct)
        return await stack.enter_async_context(opened)


def _contender(
    name: str, told: Audience, size: int, value: Value, *, acknowledged: bool = False
) -> Contender:
    async def turn() -> Figure:
        done = await told.turn(size, SECONDS, acknowledged)
        return Figure(value(done), done.used / done.elapsed)

    return Contender(name, turn)


def _peers() -> list[Server]:
    on_node = node(GRAPHQL_WS)
    return [THROUGH_ASGI, STRAWBERRY, *([] if on_node is None else [on_node])]


def _told(name: str, about: str, broadcast: Broadcast, *goals: Goal) -> Benchmark:
    return Benchmark(f"fanout.{name}", "deliveries/s", about, broadcast.contest, goals)


BENCHMARKS = (
    _told("paced.500", f"one event to {FEW} subscribers, then the next", Broadcast(FEW)),
    _told("paced.5000", f"one event to {MANY:,} subscribers, then the next", Broadcast(MANY)),
    _told("burst.500", f"{BURST} events at once to {FEW} subscribers", Broadcast(FEW, size=BURST)),
    _told(
        "distinct.5000",
        f"one event to {MANY:,} different queries",
        Broadcast(MANY, distinct=True),
        Goal(GRAPHQL_WS, 1.5),
    ),
    Benchmark(
        "fanout.latency.500",
        "ms",
        f"p99 until the last of {FEW} subscribers has an event",
        Broadcast(FEW).latency,
    ),
)
