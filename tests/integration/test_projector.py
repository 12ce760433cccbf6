"""I8: a crash, a second projector and a replay change nothing; views are what the log says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import ReplaceOne

from domain.kernel import Commit, Event
from projections.kernel import by_stream
from projections.projecting.projector import Projector
from projections.projecting.view_worker import drop_view
from projections.storage.rows import key_filter
from subscriptions.consumers.checkpoints import Checkpoint
from tests.helpers.consumer_states import opened
from tests.helpers.note_histories import append_all, histories, some_history
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Erased, Scored, Written, folded, view

pytestmark = pytest.mark.usefixtures("driver")


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database) as rig:
        yield rig


steps = st.lists(
    st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=2, unique=True), st.integers(-3, 4)),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, schedule=steps)
def test_i8_any_batches_of_several_projectors_with_crashes_fold_as_one_projector_would(
    mongo_url: str,
    redis_url: str,
    database: str,
    history: list[tuple[str, list[Event]]],
    schedule: list[tuple[list[int], int]],
) -> None:
    """Each step moves one or two of three projectors on at once, or back to where all had been."""

    async def check() -> None:
        async with open_rig(mongo_url, redis_url, database) as rig:
            for name in ("log", "counters", "view_notes_1"):
                await rig.database[name].delete_many({})
            commits = await append_all(rig, history)
            projectors = [Projector(view, rig.database, rig.log) for _ in range(3)]
            for projector in projectors:
                await projector.begin(Checkpoint(1, 0))
            at = [0, 0, 0]
            for chosen, step in [*schedule, ([0, 1, 2], len(commits))]:
                starts = [at[i] if step > 0 else max(0, min(at) + step) for i in chosen]
                batches = [commits[start : start + abs(step)] for start in starts]
                await asyncio.gather(
                    *(projectors[i].handle(batch) for i, batch in zip(chosen, batches, strict=True))
                )
                for i, start, batch in zip(chosen, starts, batches, strict=True):
                    at[i] = start + len(batch)
            assert await rig.documents() == folded(commits)

    asyncio.run(check())


def of_tenant(tenant: str, commits: Sequence[Commit]) -> list[Commit]:
    """The same commits, as if another tenant's."""
    moved = []
    for commit in commits:
        assert commit.info is not None
        info = commit.info._replace(tenant=tenant)
        moved.append(Commit(commit.position, info, tuple(e._replace(commit=info) for e in commit.events)))
    return moved


async def test_i8_of_many_projectors_at_once_the_furthest_wins_each_row(rig: Rig) -> None:
    """All insert the same rows at the same time, each from another length of the log.

    MongoDB refuses the insert of some of the furthest: that happens in one round of eight or so, of forty.
    """
    notes = [f"note-{i}" for i in range(10)]
    written = await append_all(rig, [(note, [Written(text="a")]) for note in notes])
    commits = [*written, *(await append_all(rig, [(note, [Scored(by=1)]) for note in notes * 7]))[10:]]
    projectors = [Projector(view, rig.database, rig.log) for _ in range(8)]
    await asyncio.gather(*(projector.begin(Checkpoint(1, 0)) for projector in projectors))
    for turn in range(40):
        own = of_tenant(str(turn), commits)
        await asyncio.gather(*(p.handle(own[: 10 * (i + 1)]) for i, p in enumerate(projectors)))
    assert await rig.documents() == folded(c for turn in range(40) for c in of_tenant(str(turn), commits))


@pytest.mark.parametrize("older", [(1, 9), (2, 5), (2, 6)])
@pytest.mark.parametrize("newer", [(2, 7), (3, 1), (3, 7)])
async def test_i8_a_write_only_replaces_rows_of_an_earlier_position_or_generation(
    rig: Rig, older: tuple[int, int], newer: tuple[int, int]
) -> None:
    rows = rig.rows()

    def row(place: tuple[int, int]) -> dict[str, object]:
        return {"_id": "default/note-1", "_generation": place[0], "_position": place[1]}

    await rows.insert_one(row(older))
    assert await rows.count_documents(key_filter(row(newer))) == 1
    assert await rows.count_documents(key_filter(row(older))) == 0
    await rows.bulk_write([ReplaceOne(key_filter(row(newer)), row(newer))])
    assert await rows.count_documents(key_filter(row(older))) == 0


async def test_i8_a_projector_of_an_older_generation_cannot_spoil_a_newer_one(rig: Rig) -> None:
    commits = await append_all(rig, some_history(seed=4, length=20, notes=4))
    old, new = Projector(view, rig.database, rig.log), Projector(view, rig.database, rig.log)
    await old.begin(Checkpoint(1, 0))
    await old.handle(commits[:10])
    await new.begin(Checkpoint(4, 0))  # In the same slot.
    assert await rig.documents() == {}
    await new.handle(commits[:5])
    await old.handle(commits[10:])  # Folds onto rows that are not there any more.
    await new.handle(commits[5:])
    assert await rig.documents() == folded(commits)


async def test_a_view_that_is_dropped_while_its_worker_runs_is_built_again(
    mongo_url: str, redis_url: str, database: str
) -> None:
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, work=True) as rig:
        await append_all(rig, some_history(seed=5, length=30, notes=5))
        await rig.projected()
        before = await rig.documents()
        assert before == folded(await rig.commits())
        await drop_view(view, rig.database)
        writing = asyncio.create_task(rig.append("note-new", Written(text="meanwhile")))
        async with asyncio.timeout(60):
            while (state := await opened(rig)).position < 31:
                await asyncio.sleep(0.01)
        await writing
        assert state.active == 2
        assert await rig.documents() == folded(await rig.commits())


async def test_dropping_again_and_again_under_load_leaves_no_trace(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """With two workers, and drops at any moment of theirs."""
    async with (
        open_rig(mongo_url, redis_url, database, poll_interval=0.02, work=True) as rig,
        open_rig(mongo_url, redis_url, database, poll_interval=0.02, work=True),
    ):
        for stream, happened in some_history(seed=6, length=120, notes=5):
            receipt = await rig.append(stream, *happened)
            if receipt.position % 25 == 0:
                await drop_view(view, rig.database)
        generation = (await opened(rig)).active
        await rig.projected(60)
        assert (await opened(rig)).active == generation
        assert await rig.documents() == folded(await rig.commits())


@pytest.mark.parametrize(
    ("change", "error"), [({"type": "note.painted"}, "unknown type"), ({"schema": 7}, "newer revision")]
)
async def test_an_event_that_cannot_be_read_is_parked_and_the_view_goes_on(
    rig: Rig, change: dict[str, Any], error: str
) -> None:
    await rig.append("note-a", Written(text="a"), Scored(by=1))
    await rig.append("note-b", Written(text="b"))
    stored = {f"events.1.{name}": value for name, value in change.items()}
    await rig.database["log"].update_one({"_id": 1}, {"$set": stored})
    projector = Projector(view, rig.database, rig.log)
    await projector.begin(Checkpoint(1, 0))
    await projector.handle(await rig.commits())
    assert (await rig.documents()).keys() == {"default/note-a", "default/note-b", "/default/note-a@2"}
    (letter,) = await rig.database["dead_letters"].find().to_list(None)
    assert (letter["stream"], letter["version"], letter["row"], letter["error"]) == ("note-a", 2, None, error)
    assert letter["failures"] == 1


async def test_a_row_that_comes_back_has_its_first_position_still(rig: Rig) -> None:
    commits = await append_all(
        rig, [("note-a", [Written(text="a")]), ("note-a", [Erased()]), ("note-a", [Written(text="b")])]
    )
    projector = Projector(view, rig.database, rig.log)
    await projector.begin(Checkpoint(1, 0))
    for commit in commits:
        await projector.handle([commit])
    (row,) = (await rig.documents()).values()
    assert (row["text"], row["_position"], row["_created"], row["_gone"]) == ("b", 3, 1, False)


async def operations(rig: Rig, projector: Projector, batch: Sequence[Commit]) -> dict[str, int]:
    """What handling the batch has MongoDB do with the rows: each row of an update counts."""
    await rig.database.command({"profile": 2})
    await projector.handle(batch)
    await rig.database.command({"profile": 0})
    profile = rig.database["system.profile"]
    seen = await profile.find({"ns": f"{rig.database.name}.{rig.rows().name}"}).to_list(None)
    await profile.drop()
    return dict(Counter(entry["op"] for entry in seen))


async def test_a_batch_costs_one_write_and_one_read_of_rows_that_others_wrote(
    rig: Rig,
) -> None:
    """Of whatever length: the rows that it touches are inserted, or replaced, all at once."""
    commits = await append_all(rig, [(f"note-{i % 7}", [Written(text=str(i))]) for i in range(60)])
    projector, successor = (Projector(view, rig.database, rig.log) for _ in range(2))
    await projector.begin(Checkpoint(1, 0))
    assert await operations(rig, projector, commits[:20]) == {"insert": 1}
    assert await operations(rig, projector, commits[20:40]) == {"update": 7}
    await successor.begin(Checkpoint(1, 20))
    assert await operations(rig, successor, commits[20:40]) == {"query": 1}
    assert await operations(rig, successor, commits[40:]) == {"query": 1, "update": 7}
    assert await operations(rig, projector, commits[40:50]) == {"update": 7}
    assert await operations(rig, projector, commits[50:]) == {"query": 1}
    assert await rig.documents() == folded(commits)


async def test_a_new_stream_costs_no_read_if_each_stream_has_its_row(
    mongo_url: str, redis_url: str, database: str
) -> None:
    own = replace(view, key=by_stream)
    async with open_rig(mongo_url, redis_url, database, view=own) as rig:
        commits = await append_all(rig, [(f"note-{i}", [Written(text=str(i))]) for i in range(9)])
        projector = Projector(own, rig.database, rig.log)
        await projector.begin(Checkpoint(1, 3))
        assert await operations(rig, projector, commits[3:]) == {"insert": 1}
        assert await rig.documents() == folded(commits[3:])
