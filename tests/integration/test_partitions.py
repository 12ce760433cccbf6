"""I8 with a view's work divided among several workers: together they fold as one event after the other."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kernel import Event
from projections.projecting.projector import Projector
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.state import Partition
from tests.helpers.consumer_states import opened
from tests.helpers.note_histories import append_all, histories, some_history
from tests.helpers.note_rig import open_rig
from tests.helpers.notes import folded, view

steps = st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 4)), max_size=14)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, of=st.integers(2, 3), schedule=steps)
def test_i8_independent_partitions_with_crashes_and_takeovers_fold_as_one_projector_would(
    mongo_url: str,
    redis_url: str,
    database: str,
    history: list[tuple[str, list[Event]]],
    of: int,
    schedule: list[tuple[int, int]],
) -> None:
    """Two projectors for each partition; a step moves one of them on, or back to where its partition was."""

    async def check() -> None:
        async with open_rig(mongo_url, redis_url, database) as rig:
            for collection in (rig.database["log"], rig.database["counters"], rig.rows()):
                await collection.delete_many({})
            commits = await append_all(rig, history)
            projectors = [Projector(view, rig.database, rig.log) for _ in range(2 * of)]
            for number, projector in enumerate(projectors):
                await projector.begin(Checkpoint(1, 0, Partition(number % of, of)))
            at = [0] * len(projectors)
            for chosen, step in [*schedule, *((i, len(commits)) for i in range(len(projectors)))]:
                one = chosen % len(projectors)
                start = at[one] if step > 0 else max(0, min(at[one % of :: of]) + step)
                batch = commits[start : start + abs(step)]
                await projectors[one].handle(batch)
                at[one] = start + len(batch)
            assert await rig.documents() == folded(commits)

    asyncio.run(check())


async def test_a_projector_writes_only_the_rows_of_its_partition(
    mongo_url: str, redis_url: str, database: str
) -> None:
    async with open_rig(mongo_url, redis_url, database) as rig:
        commits = await append_all(rig, some_history(seed=3, length=30, notes=12))
        keys = folded(commits).keys()
        written: set[str] = set()
        for number in range(3):
            projector = Projector(view, rig.database, rig.log)
            await projector.begin(Checkpoint(1, 0, Partition(number, 3)))
            await projector.handle(commits)
            written |= {key for key in keys if Partition(number, 3).contains(key)}
            assert (await rig.documents()).keys() == written
        assert written == keys


async def test_i8_workers_that_come_and_go_leave_the_rows_that_one_projector_would(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Five partitions and up to three workers, one of which stops in the middle, while events are stored."""
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, partitions=5) as rig:
        workers = [rig.worker() for _ in range(3)]
        for number, worker in enumerate(workers):
            await worker.start()
            for stream, happened in some_history(seed=number, length=40, notes=20):
                await rig.append(stream, *happened)
        await workers[0].stop()
        for stream, happened in some_history(seed=9, length=40, notes=20):
            await rig.append(stream, *happened)
        await rig.projected(60)
        for worker in workers[1:]:
            await worker.stop()
        assert await rig.documents() == folded(await rig.commits())
        state = await opened(rig)
        assert [one.position for one in state.generations[1].partitions] == [160] * 5
