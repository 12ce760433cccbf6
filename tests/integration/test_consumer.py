"""Durable consumers: at least once, in order, from where they were."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from domain.kernel import Commit
from subscriptions.consuming.checkpoints import Checkpoint
from subscriptions.consuming.consumer import Consumer
from tests.notes import Rig, open_rig

pytestmark = pytest.mark.usefixtures("driver")

DEADLINE = 20


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05) as rig:
        yield rig


class Recorder:
    """Keeps what it is handed, and does with each batch what the test says."""

    def __init__(self, act: Callable[[list[int]], Awaitable[None]] | None = None) -> None:
        self.begun: list[Checkpoint] = []
        self.done: list[int] = []
        self._act = act

    async def begin(self, checkpoint: Checkpoint) -> None:
        self.begun.append(checkpoint)

    async def handle(self, commits: Sequence[Commit]) -> None:
        positions = [commit.position for commit in commits]
        if self._act is not None:
            await self._act(positions)
        self.done += positions


def consumer(rig: Rig, handler: Recorder, told: list[int] | None = None) -> Consumer:
    def announce(name: str, position: int) -> None:
        assert name == "test"
        if told is not None:
            told.append(position)

    return Consumer("test", rig.feed, rig.checkpoints, handler, announce=announce, tick=0.05)


async def reaches(rig: Rig, position: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while await rig.checkpoints.position("test") != position:
            await asyncio.sleep(0.01)


async def test_a_consumer_goes_on_from_its_checkpoint(rig: Rig) -> None:
    first, second, told = Recorder(), Recorder(), []  # type: tuple[Recorder, Recorder, list[int]]
    await rig.write("abc")
    running = consumer(rig, first, told)
    await running.start()
    await reaches(rig, 3)
    await running.stop()
    await rig.write("de")
    running = consumer(rig, second)
    await running.start()
    await reaches(rig, 5)
    await running.stop()
    assert (first.done, second.done) == ([1, 2, 3], [4, 5])
    assert told[-1] == 3
    assert second.begun == [first.begun[0]._replace(position=3)]


async def test_what_a_handler_raises_is_tried_again_in_order_until_it_works(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    failures = 3

    async def fail(positions: list[int]) -> None:
        nonlocal failures
        if 2 in positions and failures:
            failures -= 1
            raise RuntimeError("the dependency is down")

    handler = Recorder(fail)
    running = consumer(rig, handler)
    await running.start()
    await rig.write("abcd")
    await reaches(rig, 4)
    await running.stop()
    assert sorted(set(handler.done)) == handler.done == [1, 2, 3, 4]
    assert failures == 0
    assert [record.exc_info is not None for record in caplog.records if "test failed" in record.message] == [
        True
    ] * 3


async def test_stopping_finishes_the_batch_in_hand_and_begins_no_other(rig: Rig) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold(positions: list[int]) -> None:
        entered.set()
        await leave.wait()

    handler = Recorder(hold)
    running = consumer(rig, handler)
    await running.start()
    await rig.write("a")
    await entered.wait()
    await rig.write("b")
    stopping = asyncio.create_task(running.stop())
    await asyncio.sleep(0)
    leave.set()
    await stopping
    assert handler.done == [1]
    assert await rig.checkpoints.position("test") == 1


async def test_a_checkpoint_never_goes_back(rig: Rig) -> None:
    checkpoint = await rig.checkpoints.open("test")
    assert await rig.checkpoints.save("test", checkpoint._replace(position=7))
    assert await rig.checkpoints.save("test", checkpoint._replace(position=3))
    assert await rig.checkpoints.open("test") == checkpoint._replace(position=7)


async def test_a_removed_checkpoint_makes_the_running_consumer_start_from_zero_in_a_new_generation(
    rig: Rig,
) -> None:
    """It is noticed without any new event."""
    handler = Recorder()
    running = consumer(rig, handler)
    await running.start()
    await rig.write("abc")
    await reaches(rig, 3)
    removed = await rig.checkpoints.remove("test")
    async with asyncio.timeout(DEADLINE):
        while len(handler.done) < 6:
            await asyncio.sleep(0.01)
    await running.stop()
    assert handler.done == [1, 2, 3, 1, 2, 3]
    assert removed == handler.begun[0]._replace(position=3)
    assert handler.begun[1].position == 0
    assert handler.begun[1].generation > handler.begun[0].generation
    assert not await rig.checkpoints.save("test", removed)


async def test_consumers_that_open_at_once_share_one_generation(rig: Rig) -> None:
    opened = await asyncio.gather(*(rig.checkpoints.open("test") for _ in range(20)))
    assert len(set(opened)) == 1
