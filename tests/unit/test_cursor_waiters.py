"""Cursors of a tail: those that an item concerns are woken at once, the others a moment later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from subscriptions.feed.cursor_waiters import HOLD_BACK, CursorWaiters, Wake

SOON, LATE = 0.01, 60.0


def is_even(item: int) -> bool:
    return item % 2 == 0


async def begin(
    waiters: CursorWaiters[int], concerns: Callable[[int], bool] | None, within: float | None = LATE
) -> asyncio.Task[Wake]:
    task = asyncio.create_task(waiters.wait(concerns, within))
    await asyncio.sleep(0)
    return task


async def turn() -> None:
    """Let the tasks run that are woken."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_an_item_wakes_at_once_the_cursors_that_it_concerns_and_the_others_together_later() -> None:
    waiters = CursorWaiters[int]()
    concerned, always = await begin(waiters, is_even), await begin(waiters, None)
    others = [await begin(waiters, lambda item: False) for _ in range(3)]
    start = time.monotonic()
    waiters.notify([1, 2])
    await turn()
    assert (concerned.done(), always.done()) == (True, True)
    assert not any(other.done() for other in others)
    waiters.notify([3])
    assert await concerned is await always is Wake.AT_ONCE
    assert await asyncio.gather(*others) == [Wake.LATER] * 3
    assert time.monotonic() - start >= 0.9 * HOLD_BACK


async def test_a_held_back_cursor_is_woken_at_once_by_an_item_that_concerns_it() -> None:
    waiters = CursorWaiters[int]()
    cursor = await begin(waiters, is_even)
    waiters.notify([1])
    await turn()
    assert not cursor.done()
    waiters.notify([2])
    waiters.notify([3])
    assert await cursor is Wake.AT_ONCE


async def test_progress_without_an_item_and_a_call_to_all_wake_as_well() -> None:
    waiters = CursorWaiters[int]()
    always, selective = await begin(waiters, None), await begin(waiters, is_even)
    waiters.notify(())
    assert await always is Wake.AT_ONCE
    assert not selective.done()
    waiters.notify_all()
    assert await selective is Wake.AT_ONCE


@pytest.mark.parametrize("concerns", [None, is_even])
async def test_a_wait_ends_after_its_time_and_leaves_nothing(
    concerns: Callable[[int], bool] | None,
) -> None:
    waiters = CursorWaiters[int]()
    assert await waiters.wait(concerns, SOON) is Wake.TIMEOUT
    waiters.notify([1])
    assert await waiters.wait(concerns, SOON) is Wake.TIMEOUT, "only later items count"


async def test_each_round_of_held_back_items_has_a_time_of_its_own() -> None:
    waiters = CursorWaiters[int]()
    for item in (1, 3):
        cursor = await begin(waiters, is_even)
        waiters.notify([item])
        assert await cursor is Wake.LATER
