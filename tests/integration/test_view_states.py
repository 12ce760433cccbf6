"""The states of views change with every commit that changes rows, and not with others."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.builtin.deadletters.events import DeadLetterRetried
from domain.builtin.subjects.events import SubjectErased
from eventstore.reading.last_commits import LastCommits
from projections.querying.view_states import ViewStates
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Scored, Written
from tests.helpers.rebuilds import in_use

NOTES = ("notes",)


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, work=True) as rig:
        yield rig


def view_states(rig: Rig) -> ViewStates:
    return ViewStates({"notes": rig.locator}, LastCommits(rig.database), 10)


async def test_a_state_is_that_of_the_last_commit_that_can_change_rows(rig: Rig) -> None:
    """Also of an erasure and of a decision about a dead letter; not of another tenant or category."""
    states = view_states(rig)
    assert (await states.read("default", NOTES))[0].last_commit == 0
    first = (await rig.append("note-a", Written(text="a"))).position
    await rig.append("note-a", Written(text="a"), tenant="other")
    await rig.append("ticket-1", Scored(by=1))
    assert (await states.read("default", NOTES))[0].last_commit == first
    for stream, event in (
        ("note-a", Scored(by=1)),
        ("subject-ada", SubjectErased(subject="person-ada")),
        ("deadletter-1", DeadLetterRetried(view="notes", stream="note-a", version=1)),
    ):
        position = (await rig.append(stream, event)).position
        [state] = await states.read("default", NOTES)
        assert state.last_commit == position


async def test_a_state_is_complete_once_the_view_has_its_commit(rig: Rig) -> None:
    await rig.append("note-a", Written(text="a"))
    await rig.projected()
    states = view_states(rig)
    [state] = await states.read("default", NOTES)
    assert await states.are_complete(NOTES, [state])
    assert await states.are_current(NOTES, [state])
    assert not await states.are_complete(NOTES, [state._replace(last_commit=state.last_commit + 1)])
    assert not await states.are_complete(NOTES, [state._replace(generation=state.generation + 1)])
    # It may be one whose commits were erased, and whose rows are about to be.
    assert not await states.are_complete(NOTES, await states.read("nobody", NOTES))


async def test_a_rebuild_changes_the_state(rig: Rig) -> None:
    """As soon as the rows of the new generation are read, and not before."""
    await rig.append("note-a", Written(text="a"))
    await rig.projected()
    states = view_states(rig)
    [before] = await states.read("default", NOTES)
    await rig.rebuilds.begin("notes")
    await in_use(rig, before.generation + 1)
    await rig.locator.position()
    assert not await states.are_current(NOTES, [before])
    [after] = await states.read("default", NOTES)
    assert after == before._replace(generation=before.generation + 1)
    assert await states.are_complete(NOTES, [after])


async def test_the_last_commit_is_read_from_the_index_alone(rig: Rig) -> None:
    """Of a tenant that wrote long ago in a log of others it costs as much as of any other."""
    for number in range(20):
        await rig.append(f"note-{number}", Written(text="x"), tenant="rare" if number == 0 else "busy")
    find = {"find": "log", "filter": {"tenant": "rare", "category": {"$in": ["note", "subject"]}}, "limit": 1}
    command = {**find, "projection": {"_id": 1}, "sort": {"_id": -1}, "hint": "by_category"}
    plan = await rig.database.command({"explain": command, "verbosity": "executionStats"})
    assert plan["executionStats"]["totalDocsExamined"] == 0
    assert plan["executionStats"]["totalKeysExamined"] < 6
    assert await LastCommits(rig.database).read("rare", ("note", "subject")) == 1
