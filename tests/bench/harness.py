"""How a benchmark is run: contenders take turns, and only their medians within one run are compared."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.bench.machine import Machine

ROUNDS = 5


class Figure(NamedTuple):
    """What one turn came to. `busy` is the share of a core that the load generator used, if any."""

    value: float
    busy: float | None = None


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


@dataclass(frozen=True, slots=True)
class Contest:
    """nerve, the limit that the machine sets, and what others reach at the same task."""

    nerve: Contender
    limit: Contender
    peers: tuple[Contender, ...] = ()

    @property
    def contenders(self) -> tuple[Contender, ...]:
        return (self.nerve, self.limit, *self.peers)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`contest` sets the contenders up and takes them down again; `about` says what a turn does."""

    name: str
    unit: str
    about: str
    contest: Callable[[Machine], AbstractAsyncContextManager[Contest]]


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
