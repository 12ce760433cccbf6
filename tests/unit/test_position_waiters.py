"""Tasks that wait for positions, and loops that are woken by them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.errors import Unavailable
from subscriptions.feed.polled_position import PolledPosition
from subscriptions.feed.position_waiters import RECHECK, PositionWaiters, TopicListener

SOON, LATE = 0.02, 60.0


@given(wanted=st.lists(st.integers(1, 20)), position=st.integers(0, 21))
def test_a_position_wakes_the_tasks_that_wait_for_it_or_an_earlier_one(
    wanted: list[int], position: int
) -> None:
    async def check() -> None:
        waiters = PositionWaiters()
        tasks = [asyncio.create_task(waiters.reach(want)) for want in wanted]
        await asyncio.sleep(0)
        waiters.notify(position)
        for _ in range(3):
            await asyncio.sleep(0)
        assert [task.done() for task in tasks] == [want <= position for want in wanted]
        waiters.notify(21)
        assert all(await asyncio.gather(*tasks))

    asyncio.run(check())


async def test_a_reached_position_needs_no_wait() -> None:
    waiters = PositionWaiters()
    waiters.notify(5)
    waiters.notify(3)
    assert waiters.highest == 5
    assert await waiters.reach(5)


async def test_a_wait_ends_after_its_time() -> None:
    waiters = PositionWaiters()
    waiters.notify(5)
    assert not await waiters.reach(6, SOON)
    assert not await waiters.wait(5, SOON), "only a later announcement counts"


@pytest.mark.parametrize("position", [RECHECK, 10**19 - 1])
async def test_a_recheck_wakes_all_tasks_and_is_no_position(position: int) -> None:
    waiters = PositionWaiters()
    task = asyncio.create_task(waiters.reach(7, LATE))
    await asyncio.sleep(0)
    waiters.notify(position)
    assert not await task
    assert waiters.highest == 0


async def test_a_position_can_move_back() -> None:
    waiters = PositionWaiters()
    waiters.notify(9)
    waiters.move_to(2)
    assert not await waiters.reach(3, SOON)


async def test_an_event_is_set_by_each_announcement_of_its_position() -> None:
    waiters = PositionWaiters()
    with waiters.announced(2) as announced:
        for position, is_set in [(1, False), (2, True), (1, False), (3, True)]:
            announced.clear()
            waiters.notify(position)
            assert announced.is_set() is is_set
    announced.clear()
    waiters.notify(4)
    assert not announced.is_set()


async def elapsed(wait: Awaitable[object]) -> float:
    started = time.monotonic()
    await wait
    return time.monotonic() - started


async def test_a_loop_is_woken_by_what_was_announced_while_it_was_busy_but_only_once() -> None:
    listener = TopicListener()
    listener.notify(3)
    assert await elapsed(listener.wait(LATE, beyond=2)) < LATE / 2
    assert await elapsed(listener.wait(SOON, beyond=2)) >= SOON / 2, "a wrong hint costs one look"
    listener.notify(2)
    assert await elapsed(listener.wait(SOON, beyond=2)) >= SOON / 2, "that is nothing new"
    waiting = asyncio.create_task(listener.wait(LATE, beyond=2))
    await asyncio.sleep(0)
    listener.notify(3)
    await waiting
    assert await elapsed(listener.wait(SOON, beyond=2)) >= SOON / 2, "nor is it a second time"


async def test_beats_spare_a_loop_its_own_looks() -> None:
    listener = TopicListener()

    async def beat() -> None:
        for _ in range(6):
            listener.beat(2, edition=1)
            await asyncio.sleep(SOON)

    listener.beat(2, edition=1)
    listener.take()
    beating = asyncio.create_task(beat())
    assert await elapsed(listener.rest(2 * SOON, beyond=2)) >= 6 * SOON
    await beating


async def test_another_edition_wakes_a_loop_whatever_the_position() -> None:
    listener = TopicListener()
    listener.beat(2, edition=1)
    listener.take()
    resting = asyncio.create_task(listener.rest(LATE, beyond=2))
    await asyncio.sleep(0)
    listener.beat(2, edition=2)
    assert await elapsed(resting) < LATE / 2


class Store:
    """A position that is read, and how often."""

    def __init__(self) -> None:
        self.position = 0
        self.error: Exception | None = None
        self.reads = 0

    async def read(self) -> int:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self.position


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(LATE):
        while not reached():
            await asyncio.sleep(0)


async def test_one_read_serves_all_tasks_that_wait() -> None:
    store, listener = Store(), TopicListener()
    polled = PolledPosition("the test", store.read, listener, LATE)
    tasks = [asyncio.create_task(polled.reach(position, LATE)) for position in (1, 2, 2)]
    await until(lambda: store.reads == 1)
    store.position = 2
    listener.notify(2)
    assert await asyncio.gather(*tasks) == [2, 2, 2]
    assert store.reads == 2


async def test_after_its_time_a_task_gets_the_position_as_it_is() -> None:
    store = Store()
    polled = PolledPosition("the test", store.read, TopicListener(), LATE)
    waiting = asyncio.create_task(polled.reach(9, SOON))
    await until(lambda: store.reads == 1)
    store.position = 4
    assert await waiting == 4


async def test_what_was_read_for_former_tasks_does_not_count() -> None:
    """A view that is dropped starts from zero again."""
    store = Store()
    store.position = 5
    polled = PolledPosition("the test", store.read, TopicListener(), LATE)
    assert await polled.reach(5, LATE) == 5
    store.position = 0
    assert await polled.reach(5, SOON) == 0


async def test_a_failed_read_is_raised_by_all_tasks_and_the_next_ones_read_again() -> None:
    store = Store()
    store.error = Unavailable("MongoDB did not answer")
    polled = PolledPosition("the test", store.read, TopicListener(), LATE)
    failures = await asyncio.gather(*(polled.reach(1, LATE) for _ in range(3)), return_exceptions=True)
    assert failures == [store.error] * 3
    store.error, store.position = None, 1
    assert await polled.reach(1, LATE) == 1
