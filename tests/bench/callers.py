"""Callers inside this process, each awaiting one call at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import TypeVar

T = TypeVar("T")

Act = Callable[[T], Awaitable[object]]


async def per_second(callers: int, items: Sequence[T], act: Act[T]) -> float:
    """How many of `items` a second `callers` get through `act` together."""
    waiting = iter(items)

    async def caller() -> None:
        for item in waiting:
            await act(item)

    start = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return len(items) / (time.perf_counter() - start)


async def median_latency(items: Sequence[T], act: Act[T]) -> float:
    """The median milliseconds of one call, awaited one after another."""
    took = []
    for item in items:
        start = time.perf_counter()
        await act(item)
        took.append(time.perf_counter() - start)
    return median(took) * 1e3
