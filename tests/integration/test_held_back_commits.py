"""Commits reach first the consumers that they concern, and a moment later all others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing

import pytest

from domain.kernel import Commit
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.group import ConsumerDefinition, ConsumerGroup
from subscriptions.feed.feed import Feed
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Written

pytestmark = pytest.mark.usefixtures("driver")

DEADLINE = 120

Concerns = Callable[[Commit], bool]


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    """A process without wake-ups from others' polls: 600 seconds are beyond every deadline here."""
    async with open_rig(mongo_url, redis_url, database, poll_interval=600) as rig:
        yield rig


class Recorder:
    """Records what it handles, and in `order` that it does."""

    def __init__(self, name: str, order: list[str], *, worked: bool) -> None:
        self._name = name
        self._order = order
        self.worked = worked
        self.begun: list[Checkpoint] = []
        self.done: list[int] = []

    async def begin(self, checkpoint: Checkpoint) -> None:
        self.begun.append(checkpoint)

    async def handle(self, commits: Sequence[Commit]) -> bool:
        self._order.append(self._name)
        self.done += [commit.position for commit in commits]
        return self.worked


def group(rig: Rig, **handlers: Recorder) -> ConsumerGroup:
    """A group of consumers; the commits of notes concern those alone that have work with them."""

    def make(handler: Recorder) -> Callable[[], Recorder]:
        return lambda: handler

    definitions = {
        name: ConsumerDefinition("", make(handler), categories=frozenset(["note"] if handler.worked else []))
        for name, handler in handlers.items()
    }
    parts = (rig.database, rig.feed, rig.checkpoints, rig.wakeups)
    return ConsumerGroup(definitions, *parts, tick=600)


async def reaches(rig: Rig, consumer: str, position: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while await rig.checkpoints.position(consumer) != position:
            await asyncio.sleep(0.01)


async def follow(rig: Rig, feed: Feed, concerns: Concerns, upto: int) -> list[int]:
    """Follow with many new cursors, one after another. Return the positions that they get."""
    found: list[int] = []
    dice = random.Random(upto)
    async with asyncio.timeout(DEADLINE):
        while len(found) < upto:
            async with aclosing(feed.follow(found[-1] if found else 0, concerns=concerns)) as batches:
                async for batch in batches:
                    found += [commit.position for commit in batch.items]
                    if len(found) >= upto or dice.random() < 0.1:
                        break
    return found


async def test_i7_a_cursor_gets_all_commits_once_in_order_whichever_of_them_concern_it(rig: Rig) -> None:
    feed = Feed(rig.log, rig.wakeups, 600, ring_size=10)
    rules: list[Concerns] = [
        lambda commit: False,
        lambda commit: True,
        lambda commit: commit.position % 7 == 0,
    ]
    followers = [asyncio.create_task(follow(rig, feed, concerns, 60)) for concerns in rules]
    for name in range(60):
        await rig.write([str(name)])
    for follower in followers:
        assert await follower == list(range(1, 61))


async def test_a_commit_reaches_first_the_consumer_that_it_concerns(rig: Rig) -> None:
    order: list[str] = []
    idle, busy = Recorder("idle", order, worked=False), Recorder("busy", order, worked=True)
    running = group(rig, idle=idle, busy=busy)
    await running.start()
    await rig.write("a")
    for name in ("idle", "busy"):
        await reaches(rig, name, 1)
    order.clear()
    await rig.write("b")
    for name in ("busy", "idle"):
        await reaches(rig, name, 2)
    await running.stop()
    assert order == ["busy", "idle"]
    assert idle.done == busy.done == [1, 2]


async def test_a_consumer_that_stops_while_a_commit_is_held_back_gets_it_after_the_restart(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscriptions.feed.cursor_waiters.HOLD_BACK", DEADLINE)
    first, second = Recorder("first", [], worked=False), Recorder("second", [], worked=False)
    busy = Recorder("busy", [], worked=True)
    await rig.write("a")
    running = group(rig, idle=first, busy=busy)
    await running.start()
    for name in ("idle", "busy"):
        await reaches(rig, name, 1)
    await rig.write("b")
    await reaches(rig, "busy", 2)
    await running.stop()
    assert first.done == [1]
    running = group(rig, idle=second)
    await running.start()
    await reaches(rig, "idle", 2)
    await running.stop()
    assert (second.done, [checkpoint.position for checkpoint in second.begun]) == ([2], [1])


async def test_a_view_reaches_the_positions_of_commits_that_do_not_concern_it(rig: Rig) -> None:
    worker = rig.worker()
    await worker.start()
    await rig.write("a")
    for name in "bc":
        receipt = await rig.append(f"other-{name}", Written(text=name))
        await rig.reader.wait_for(receipt.position, DEADLINE)
    position = await rig.write("d")
    await rig.reader.wait_for(position, DEADLINE)
    await worker.stop()
    assert len(await rig.documents()) == 2
