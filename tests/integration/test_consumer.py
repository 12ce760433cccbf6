"""Durable consumers: at least once, in order, from where they were."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from domain.kernel import Commit
from domain.kernel.errors import Unavailable
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.consumer import Consumer
from subscriptions.consumers.failures import FailureHistory
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.group import ConsumerDefinition, ConsumerGroup
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.stolen_leases import steal

pytestmark = pytest.mark.usefixtures("driver")

DEADLINE = 120


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05) as rig:
        yield rig


class Recorder:
    """Keeps what it is handed, and does with each batch what the test says."""

    def __init__(
        self, act: Callable[[list[int]], Awaitable[None]] | None = None, *, worked: bool = True
    ) -> None:
        self._worked = worked
        self.begun: list[Checkpoint] = []
        self.done: list[int] = []
        self._act = act

    async def begin(self, checkpoint: Checkpoint) -> None:
        self.begun.append(checkpoint)

    async def handle(self, commits: Sequence[Commit]) -> bool:
        positions = [commit.position for commit in commits]
        if self._act is not None:
            await self._act(positions)
        self.done += positions
        return self._worked


def consumer(rig: Rig, handler: Recorder) -> ConsumerGroup:
    parts = (rig.database, rig.feed, rig.checkpoints, rig.wakeups)
    return ConsumerGroup({"test": ConsumerDefinition("", lambda: handler)}, *parts, tick=0.05)


async def reaches(rig: Rig, position: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while await rig.checkpoints.position("test") != position:
            await asyncio.sleep(0.01)


async def test_commits_without_work_are_checkpointed_even_if_none_follows(rig: Rig) -> None:
    recorder = Recorder(worked=False)
    running = consumer(rig, recorder)
    await running.start()
    for place, name in enumerate("abc", 1):
        await rig.write(name)
        await reaches(rig, place)
    await running.stop()
    assert recorder.done == [1, 2, 3]


async def test_a_consumer_goes_on_from_its_checkpoint(rig: Rig) -> None:
    first, second, listener = Recorder(), Recorder(), rig.wakeups.listen("test")
    await rig.write("abc")
    running = consumer(rig, first)
    await running.start()
    await reaches(rig, 3)
    await running.stop()
    await rig.write("de")
    running = consumer(rig, second)
    await running.start()
    await reaches(rig, 5)
    await running.stop()
    assert (first.done, second.done) == ([1, 2, 3], [4, 5])
    assert listener.take() >= 3
    assert second.begun == [first.begun[0]._replace(position=3)]


@pytest.mark.parametrize(
    ("error", "name", "detail"),
    [
        (
            RuntimeError("plain text of an event"),
            "RuntimeError",
            r"^raised at tests/integration/test_consumer\.py:\d+$",
        ),
        (Unavailable("the store is down"), "Unavailable", "^the store is down$"),
    ],
)
async def test_failures_of_a_consumer_are_kept_until_it_comes_further(
    rig: Rig, error: Exception, name: str, detail: str
) -> None:
    mended = asyncio.Event()

    async def fail(positions: list[int]) -> None:
        if not mended.is_set():
            raise error

    async def failing() -> FailureHistory | None:
        state = await rig.checkpoints.state("test")
        return state.generations[state.active].failing if state.active else None

    running = consumer(rig, Recorder(fail))
    await running.start()
    await rig.write("ab")
    async with asyncio.timeout(DEADLINE):
        while (found := await failing()) is None or found.tries < 3:
            await asyncio.sleep(0.01)
    assert found.first.failure == found.last.failure
    assert found.last.failure.error == name
    assert re.match(detail, found.last.failure.detail)
    assert found.first.at < found.last.at
    mended.set()
    await reaches(rig, 2)
    assert await failing() is None
    await running.stop()


async def test_a_failed_batch_is_retried_in_order_until_it_succeeds_and_logged_once(
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
    [logged] = [record for record in caplog.records if "test makes no progress" in record.message]
    assert logged.exc_info is not None


async def test_stopping_finishes_the_batch_in_hand_and_begins_no_other(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, leave, is_leaving = asyncio.Event(), asyncio.Event(), asyncio.Event()
    leave_consumer = Consumer.leave

    def leave_observed(consumer: Consumer) -> None:
        leave_consumer(consumer)
        is_leaving.set()

    async def hold(positions: list[int]) -> None:
        entered.set()
        await leave.wait()

    monkeypatch.setattr(Consumer, "leave", leave_observed)
    handler = Recorder(hold)
    running = consumer(rig, handler)
    await running.start()
    await rig.write("a")
    await entered.wait()
    await rig.write("b")
    stopping = asyncio.create_task(running.stop())
    # The group ends its look at the leases first.
    async with asyncio.timeout(DEADLINE):
        await is_leaving.wait()
    leave.set()
    await stopping
    assert handler.done == [1]
    assert await rig.checkpoints.position("test") == 1


async def test_dropped_generations_make_the_running_consumer_start_from_zero_in_a_new_one(rig: Rig) -> None:
    """It is noticed without any new event."""
    handler = Recorder()
    running = consumer(rig, handler)
    await running.start()
    await rig.write("abc")
    await reaches(rig, 3)
    dropped = await Generations(rig.database).drop("test")
    async with asyncio.timeout(DEADLINE):
        while len(handler.done) < 6:
            await asyncio.sleep(0.01)
    await running.stop()
    assert handler.done == [1, 2, 3, 1, 2, 3]
    assert (dropped.active, dropped.position) == (1, 3)
    assert handler.begun == [Checkpoint(1, 0), Checkpoint(2, 0)]


async def test_one_of_several_processes_works_and_another_continues_where_it_stopped(rig: Rig) -> None:
    handlers = [Recorder() for _ in range(3)]
    groups = [consumer(rig, handler) for handler in handlers]
    for group in groups:
        await group.start()
    await rig.write("abc")
    await reaches(rig, 3)
    (first,) = [i for i, handler in enumerate(handlers) if handler.begun]
    await groups[first].stop()
    await rig.write("de")
    await reaches(rig, 5)
    for group in groups:
        await group.stop()
    assert sorted(handler.done for handler in handlers) == [[], [1, 2, 3], [4, 5]]


async def test_a_consumer_that_lost_its_partition_saves_no_checkpoint_and_ends(rig: Rig) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold(positions: list[int]) -> None:
        entered.set()
        await leave.wait()

    slow = Recorder(hold)
    running = consumer(rig, slow)
    await running.start()
    await rig.write("a")
    await entered.wait()
    (seen,) = (await rig.checkpoints.state("test")).generations[1].partitions
    stolen = await steal(rig.database, "test", 1, seen, term=60)
    assert stolen is not None
    leave.set()
    async with asyncio.timeout(DEADLINE):
        while not slow.done:
            await asyncio.sleep(0.01)
    await rig.write("b")
    assert await rig.checkpoints.save(stolen, 0)
    await running.stop()
    assert slow.done == [1]
    assert await rig.checkpoints.position("test") == 0


async def test_a_handler_begins_with_few_commits_so_that_its_first_checkpoint_is_early(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that loses its lease in the middle of a long batch has done something for good."""
    few = 3
    monkeypatch.setattr("subscriptions.consumers.consumer.FIRST_PART", few)
    checkpoints: list[int] = []

    async def note(positions: list[int]) -> None:
        checkpoints.append(await rig.checkpoints.position("test"))

    last = await rig.write(str(number) for number in range(4 * few))
    running = consumer(rig, Recorder(note))
    await running.start()
    await reaches(rig, last)
    await running.stop()
    assert checkpoints == [0, few, 3 * few]
