"""Dead letters on real servers: what waits, what is decided about it, and what a crash leaves of either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kernel import Commit, Event
from projections.projecting.projector import Projector
from projections.storage.rows import collection, slots
from subscriptions.consumers.state import Partition
from tests.helpers import notes
from tests.helpers.dead_letters import begun, decide, letters, rows_held, rows_told
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Erased, Linked, Scored, Written
from tests.helpers.poison_notes import NOWHERE, POISON, SECRET, Dose, poisoned

NAMES = ("note-a", "note-b", "note-c")
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Written, text=st.sampled_from(["x", "y"])),
    st.builds(Scored, by=st.sampled_from([1, 2, POISON])),
    st.builds(Linked, to=st.sampled_from([*NAMES, NOWHERE])),
    st.builds(Erased),
)
appends = st.tuples(st.just("append"), st.sampled_from(NAMES), st.lists(events, min_size=1, max_size=3))
moves = st.tuples(st.just("move"), st.integers(0, 2), st.integers(1, 6))
decisions = st.tuples(st.sampled_from(["retry", "drop"]), st.integers(0, 9))
schedules = st.lists(st.one_of(appends, appends, appends, moves, moves, decisions), min_size=8, max_size=30)

WRITTEN = ("log", "counters", *slots(notes.view), "dead_letters")


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database) as rig:
        yield rig


class Behind:
    """A projector, how far it is, and what of the log it has read already."""

    def __init__(self, projector: Projector) -> None:
        self._projector = projector
        self._at = 0

    async def move(self, commits: Sequence[Commit], by: int) -> None:
        await self._projector.handle(commits[self._at : self._at + by])
        self._at = min(len(commits), self._at + by)


@pytest.mark.parametrize("shares", [1, 2])
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=schedules)
def test_i8_once_the_fold_is_mended_retries_lead_to_what_a_replay_of_the_whole_log_tells(
    mongo_url: str, redis_url: str, database: str, shares: int, schedule: list[tuple[Any, ...]]
) -> None:
    """Of three projectors that share the rows or do all of them, and none of which waits for the others."""

    async def check() -> None:
        async with open_rig(mongo_url, redis_url, database) as rig:
            for name in WRITTEN:
                await rig.database[name].delete_many({})
            dose, dropped = Dose(), []
            partitions = [Partition(number % shares, shares) for number in range(3)]
            projectors = [Behind(await begun(rig, dose, partition=one)) for one in partitions]
            for step in schedule:
                match step:
                    case ("append", stream, happened):
                        await rig.append(stream, *happened)
                    case ("move", which, by):
                        await projectors[which].move(await rig.commits(), by)
                    case (decision, which) if waiting := await letters(rig):
                        letter = waiting[which % len(waiting)]
                        await decide(rig, letter, drop=decision == "drop")
                        dropped += [letter] if decision == "drop" else []
            # All parts of the rows meet the same events with the bug: there is one code for each generation.
            for one in projectors[:shares]:
                await one.move(await rig.commits(), 1_000)
            dose.mended = True
            for letter in await letters(rig):
                await decide(rig, letter, drop=False)
            commits = await rig.commits()
            for one in projectors:
                await one.move(commits, 1_000)
            assert await rows_held(rig) == rows_told(commits, dropped)
            assert await letters(rig) == []

            rebuilt = await begun(rig, dose, generation=2)
            await rebuilt.handle(commits)
            assert await rows_held(rig, 2) == rows_told(commits, dropped)

    asyncio.run(check())


async def test_what_fails_again_waits_on_and_says_how_often(rig: Rig) -> None:
    projector = await begun(rig, Dose())
    await rig.append("note-a", Written(text=SECRET), Scored(by=1))
    await projector.handle(await rig.commits())
    (first,) = await letters(rig)
    await decide(rig, first, drop=False)
    retry = (await rig.commits())[-1:]
    await projector.handle(retry)
    await projector.handle(retry)
    (second,) = await letters(rig)
    assert (first["failures"], second["failures"]) == (1, 2)
    assert (second["_id"], second["first_at"]) == (first["_id"], first["first_at"])
    assert second["last_at"] > first["last_at"]
    assert SECRET not in str(second)


async def test_what_comes_behind_a_dropped_event_is_told_in_order_until_the_next_that_fails(rig: Rig) -> None:
    projector = await begun(rig, Dose())
    await rig.append("note-a", Written(text="x"), Scored(by=POISON), Scored(by=1))
    await rig.append("note-a", Written(text="y"), Scored(by=POISON), Scored(by=2))
    await projector.handle(await rig.commits())
    (waiting,) = await letters(rig)
    await decide(rig, waiting, drop=True)
    await projector.handle((await rig.commits())[-1:])
    (row,) = (await rig.documents()).values()
    assert (row["text"], row["score"], row["folded"]) == ("y", 1, [1, 1, 2])
    assert (row["_position"], [parked["version"] for parked in row["_parked"]]) == (3, [5])
    assert [letter["version"] for letter in await letters(rig)] == [5]


async def test_a_retry_reads_what_could_not_be_read(rig: Rig) -> None:
    """By a process whose contexts know the type."""
    await rig.append("note-a", Written(text="x"), Scored(by=1), Linked(to="note-b"))
    await rig.append("note-b", Written(text="z"))
    await rig.database["log"].update_one({"_id": 1}, {"$set": {"events.2.type": "note.bound"}})
    projector = await begun(rig, Dose())
    await projector.handle(await rig.commits())
    (waiting,) = await letters(rig)
    assert (waiting["row"], waiting["error"], waiting["type"]) == (None, "unknown type", "note.bound")
    await rig.database["log"].update_one({"_id": 1}, {"$set": {"events.2.type": "note.linked"}})
    await decide(rig, waiting, drop=False)
    commits = await rig.commits()
    await projector.handle(commits[-1:])
    assert await rows_held(rig) == rows_told(commits)
    assert await letters(rig) == []


async def test_a_row_that_cannot_be_stored_keeps_no_other_from_being_written(rig: Rig) -> None:
    """Neither when its event is folded, nor when it is retried."""
    projector = await begun(rig, Dose())
    await rig.append("note-a", Written(text="x"), Scored(by=2**63 - 1), Scored(by=1), Scored(by=1))
    await rig.append("note-b", Written(text="y"))
    await projector.handle(await rig.commits())
    (waiting,) = await letters(rig)
    await decide(rig, waiting, drop=False)
    await projector.handle((await rig.commits())[-1:])
    (again,) = await letters(rig)
    assert (waiting["version"], waiting["error"], again["failures"]) == (3, "wrong row", 2)
    rows = await collection(rig.database, notes.view, 1).find().to_list(None)
    assert {row["id"]: row["score"] for row in rows} == {"note-a": 2**63 - 1, "note-b": 0}


STREAMS = 1_000


async def test_one_poison_stream_among_a_thousand_waits_alone_and_in_order(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Until the fold is mended, and a retry leads to what a replay tells; in a rebuild it is the same."""
    dose = Dose()
    async with open_rig(mongo_url, redis_url, database, work=True, view=poisoned(dose)) as rig:
        for event in (Written(text="x"), Scored(by=1), Scored(by=2)):
            ill = Scored(by=POISON) if event == Scored(by=1) else event
            names = [f"note-{number}" for number in range(STREAMS)]
            await asyncio.gather(*(rig.append(name, ill if name == "note-13" else event) for name in names))
        await rig.projected(60)
        rebuilt = await begun(rig, dose, generation=2)
        await rebuilt.handle(await rig.commits())
        for generation in (1, 2):
            rows = await collection(rig.database, notes.view, generation).find().to_list(None)
            assert {row["id"]: row["score"] for row in rows} == dict.fromkeys(names, 3) | {"note-13": 0}
            assert [row["id"] for row in rows if "_parked" in row] == ["note-13"]
        first, _ = await letters(rig)

        dose.mended = True
        await decide(rig, first, drop=False)
        await rig.projected(60)
        commits = await rig.commits()
        await rebuilt.handle(commits[-1:])
        anew = await begun(rig, dose, generation=3)
        await anew.handle(commits)
        for generation in (1, 2, 3):
            assert await rows_held(rig, generation) == rows_told(commits)
        assert await letters(rig) == []
