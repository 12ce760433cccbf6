"""How a benchmark is run: contenders take turns, and only their medians within one run are compared."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.bench.machine import Machine

ROUNDS = 5


class Latency(NamedTuple):
    """The milliseconds of single requests: their median, and their 99th percentile."""

    median: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """Return the latency of at least two requests, which took so many seconds each."""
        p99 = statistics.quantiles(seconds, n=100, method="inclusive")[98]
        return cls(statistics.median(seconds) * 1e3, p99 * 1e3)


class Figure(NamedTuple):
    """What one turn came to.

    `busy` is the share of a core that the load generator used, if any, and `latency` that of its requests.
    """

    value: float
    busy: float | None = None
    latency: Latency | None = None


Turn = Callable[[], Awaitable[Figure]]
"""One measured turn of a contender."""


@dataclass(slots=True)
class Contender:
    """One side of a comparison, and the figures of its turns."""

    name: str
    turn: Turn
    figures: list[Figure] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(figure.value for figure in self.figures)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest figure."""
        values = [figure.value for figure in self.figures]
        return min(values), max(values)

    @property
    def busy(self) -> float | None:
        """The median of `busy`: near 1 the figures would be the load generator's own."""
        shares = [figure.busy for figure in self.figures if figure.busy is not None]
        return statistics.median(shares) if shares else None

    @property
    def latency(self) -> Latency | None:
        """The medians of the turns' latencies."""
        latencies = [figure.latency for figure in self.figures if figure.latency is not None]
        return Latency(*map(statistics.median, zip(*latencies, strict=True))) if latencies else None


@dataclass(frozen=True, slots=True)
class Contest:
    """nerve, the limit that the machine sets, and what others reach at the same task.

    `closer_limits` do more of the task than the limit does.
    """

    nerve: Contender
    limit: Contender
    peers: tuple[Contender, ...] = ()
    closer_limits: tuple[Contender, ...] = ()

    @property
    def limits(self) -> tuple[Contender, ...]:
        return (self.limit, *self.closer_limits)

    @property
    def contenders(self) -> tuple[Contender, ...]:
        return (self.nerve, *self.limits, *self.peers)


class Goal(NamedTuple):
    """The ratio to a contender that nerve is to reach: at least, or `at_most` where less is better."""

    contender: str
    ratio: float
    at_most: bool = False

    def is_met(self, ratio: float) -> bool:
        """Return whether nerve's ratio to the contender is good enough."""
        return ratio <= self.ratio if self.at_most else ratio >= self.ratio

    def describe(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.ratio:g}"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`contest` sets the contenders up and takes them down again; `about` says what a turn does."""

    name: str
    unit: str
    about: str
    contest: Callable[[Machine], AbstractAsyncContextManager[Contest]]
    goals: tuple[Goal, ...] = ()

    def goal(self, contender: Contender) -> Goal | None:
        """Return the goal for nerve's ratio to the contender, if there is one."""
        return next((goal for goal in self.goals if goal.contender == contender.name), None)


async def run(benchmark: Benchmark, machine: Machine) -> Contest:
    """One warm-up, then `ROUNDS` rounds in which each contender has one turn: A B C A B C …"""
    async with benchmark.contest(machine) as contest:
        for round_number in range(ROUNDS + 1):
            for contender in contest.contenders:
                gc.collect()
                figure = await contender.turn()
                if round_number:
                    contender.figures.append(figure)
    return contest
