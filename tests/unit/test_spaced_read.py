"""Tasks share a read, none gets what was read before it came, and reads are some time apart."""

from __future__ import annotations

import asyncio
import gc
from itertools import count
from typing import Any

import pytest

from domain.kernel.errors import Unavailable
from subscriptions.feed.spaced_read import SpacedRead

INTERVAL = 0.01


class Source:
    """Counts its reads, which return their number, and when they began."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self.begun_at: list[float] = []
        self.goes = asyncio.Event()
        self.goes.set()

    async def read(self) -> int:
        self.begun_at.append(asyncio.get_running_loop().time())
        number = next(self._numbers)
        await self.goes.wait()
        return number


async def test_tasks_that_come_together_share_a_read_and_later_ones_get_the_next() -> None:
    source = Source()
    spaced = SpacedRead(source.read, INTERVAL)
    source.goes.clear()
    together = [asyncio.create_task(spaced.get()) for _ in range(3)]
    while not source.begun_at:
        await asyncio.sleep(0)
    late = [asyncio.create_task(spaced.get()) for _ in range(2)]
    source.goes.set()
    assert await asyncio.gather(*together, *late) == [1, 1, 1, 2, 2]
    assert source.begun_at[1] - source.begun_at[0] >= INTERVAL


async def test_a_read_that_nobody_waits_for_does_not_begin() -> None:
    source = Source()
    spaced = SpacedRead(source.read, INTERVAL)
    await spaced.get()
    for _ in range(5):
        leaving = asyncio.create_task(spaced.get())
        await asyncio.sleep(0)
        leaving.cancel()
    loop = asyncio.get_running_loop()
    due = loop.create_future()
    loop.call_later(2 * INTERVAL, due.set_result, None)
    await due
    assert len(source.begun_at) == 1
    assert await spaced.get() == 2


async def test_an_error_reaches_those_that_wait_and_no_later_task() -> None:
    async def read() -> int:
        if not failed:
            failed.append(True)
            raise Unavailable("no server")
        return 7

    failed: list[bool] = []
    spaced = SpacedRead(read, INTERVAL)
    results = await asyncio.gather(*(spaced.get() for _ in range(2)), return_exceptions=True)
    assert all(isinstance(result, Unavailable) for result in results)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await spaced.get()
    assert await spaced.get() == 7


async def test_an_error_that_nobody_waits_for_any_more_is_no_fault() -> None:
    begun, goes = asyncio.Event(), asyncio.Event()

    async def read() -> int:
        begun.set()
        await goes.wait()
        raise Unavailable("no server")

    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context))
    leaving = asyncio.create_task(SpacedRead(read, INTERVAL).get())
    await begun.wait()
    leaving.cancel()
    goes.set()
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0)
    del leaving
    gc.collect()
    assert faults == []
