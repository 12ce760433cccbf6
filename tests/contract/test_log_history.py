"""Reading the past: streams and aggregates as of a position or a moment, their versions, and what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kernel import Aggregate, Commit, Event, Facts
from domain.kernel.errors import NotFound, OutsideLog, Unavailable, ValidationFailed
from eventstore.commit_documents import encode_commit, with_position
from eventstore.history.diff import Operation, ValueChange
from eventstore.history.versions import StreamHistory
from eventstore.options import LogOptions
from eventstore.reading.as_of import AsOf
from tests.helpers.commits import commit
from tests.helpers.mongo_profiler import documents_read
from tests.helpers.notes import START, Scored, Touch, Written

NAMES = ("note-a", "note-b", "note-c")
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Sheet(Aggregate[Touch, Written | Scored]):
    """All that was said of a note, in order."""

    category = "note"
    lines: tuple[str, ...] = ()

    def decide(self, command: Touch, facts: Facts) -> Sequence[Written | Scored]:
        return ()

    def evolve(self, event: Written | Scored) -> Sheet:
        return Sheet((*self.lines, event.text if isinstance(event, Written) else f"{event.by}"))


def folded(commits: Sequence[Commit], stream: str, tenant: str = "default") -> tuple[Sheet, int]:
    """The state and the version after these commits, by the definition."""
    sheet, version = Sheet(), 0
    for one in commits:
        if one.info is not None and (one.info.tenant, one.info.stream) == (tenant, stream):
            sheet = sheet.evolve_all([event.payload for event in one.events])  # type: ignore[misc]
            version = one.events[-1].version
    return sheet, version


async def write(
    store, plan: Sequence[tuple[int, int, int]], tenant: str = "default", *, old: bool = False
) -> None:
    """For each (which note, how many events, seconds that the writer's clock says) a commit.

    An `old` log is not in the order of its times.
    """
    versions = dict.fromkeys(NAMES, 0)
    for number, (which, count, seconds) in enumerate(plan):
        name = NAMES[which]
        events: list[Event] = [Written(text=f"{number}.{n}") for n in range(count)]
        at = START + timedelta(seconds=seconds)
        new = commit(name, versions[name], *events, at=at, tenant=tenant)
        if old:
            await store.documents.insert_many([with_position(encode_commit(new), await store.log.head() + 1)])
        else:
            await store.log.append(new)
        versions[name] += count


@pytest.mark.one_driver
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(0, 9)), min_size=1, max_size=8),
    old=st.booleans(),
)
async def test_as_of_every_position_and_moment_is_the_fold_of_the_log_up_to_it(store, plan, old):
    """Also where the writers' clocks jump: a moment is the longest beginning with nothing later."""
    tenant = "own"
    # In an ordered log no time is before those of the examples before.
    for name in ("log", "counters"):
        await store.database[name].delete_many({})
    store = await store.reopen()
    await write(store, plan, tenant, old=old)
    await write(store, [(0, 1, 0)], "other")
    history, commits = StreamHistory(store.log), await store.everything()
    own = [one for one in commits if one.info is not None and one.info.tenant == tenant]
    # The state changes at the times of commits only.
    moments = {START - SECOND, *(one.info.at + later for one in own for later in (timedelta(0), SECOND))}
    for name in NAMES:
        exists = folded(commits, name, tenant)[1]
        for position in range(1, len(commits) + 1):
            expected = folded(commits[:position], name, tenant) if exists else None
            assert await state(history, name, AsOf(position=position), tenant) == expected
        for time in moments:
            later = [
                place
                for place, one in enumerate(commits)
                if one.info is not None and one.info.tenant == tenant and one.info.at > time
            ]
            begins = not later or commits[later[0]] != own[0]
            upto = commits[: later[0]] if later else commits
            expected = folded(upto, name, tenant) if exists and begins else None
            assert await state(history, name, AsOf(time=time), tenant) == expected
    await store.log.close()


async def state(history: StreamHistory, stream: str, as_of: AsOf, tenant: str) -> tuple[Sheet, int] | None:
    try:
        loaded = await history.state(tenant, stream, Sheet, as_of)
    except NotFound:
        return None
    return loaded.state, loaded.version


async def test_a_moment_is_inclusive_and_its_answer_is_final_once_a_later_commit_is_there(store):
    await write(store, [(0, 1, 1), (0, 1, 2), (0, 1, 3)])
    two = AsOf(time=START + timedelta(seconds=2))
    assert await store.log.position_at("default", two) == 2
    assert [event.version for event in await StreamHistory(store.log).events("default", "note-a", two)] == [
        1,
        2,
    ]
    late = commit("note-b", 0, at=START + timedelta(seconds=1))
    await store.log.append(late)
    assert await store.log.position_at("default", two) == 2


@pytest.mark.parametrize(
    ("as_of", "sentence"),
    [
        (AsOf(position=0), "before the log begins"),
        (AsOf(position=-3), "before the log begins"),
        (AsOf(position=3), "has not come to"),
        (AsOf(time=START - timedelta(milliseconds=1)), "before the log begins"),
        (AsOf(time=START + timedelta(days=365 * 100)), "still to come"),
    ],
)
async def test_a_point_outside_the_log_differs_from_a_stream_that_does_not_exist(store, as_of, sentence):
    await write(store, [(0, 1, 0), (0, 1, 1)])
    with pytest.raises(OutsideLog, match=sentence):
        await StreamHistory(store.log).state("default", "note-a", Sheet, as_of)
    with pytest.raises(OutsideLog, match=sentence):
        await StreamHistory(store.log).events("default", "note-a", as_of)


async def test_an_unknown_stream_is_not_found_and_one_that_came_later_is_at_version_0(store):
    history = StreamHistory(store.log)
    await write(store, [(0, 1, 0), (1, 1, 1)])
    early = AsOf(position=1)
    loaded = await history.state("default", "note-b", Sheet, early)
    assert (loaded.state, loaded.version) == (Sheet(), 0)
    assert await history.events("default", "note-b", early) == []
    for call in (
        history.events("default", "note-x", early),
        history.state("default", "note-x", Sheet, early),
        history.versions("default", "note-x"),
        history.diff("default", "note-x", Sheet, 0, 1),
        history.state("elsewhere", "note-a", Sheet, early),
    ):
        with pytest.raises(NotFound, match="there is no stream"):
            await call


@pytest.mark.parametrize("wrong", [{}, {"position": 1, "time": START}, {"time": START.replace(tzinfo=None)}])
def test_a_point_in_the_past_is_a_position_or_a_moment_with_its_zone(wrong):
    with pytest.raises(ValidationFailed):
        AsOf(**wrong)


async def test_a_point_behind_an_open_position_waits_until_that_is_settled(store, open_another):
    """What may still land there would be part of the answer."""
    await write(store, [(0, 1, 0)])
    await store.leave_hole()
    receipt = await store.log.append(commit("note-b", 0, at=START))
    impatient = await open_another(LogOptions(settle_within=0.2))
    for as_of in (AsOf(position=receipt.position), AsOf(time=START + timedelta(days=1))):
        with pytest.raises(Unavailable):
            await impatient.log.position_at("default", as_of)
    waiting = asyncio.create_task(store.log.position_at("default", AsOf(position=receipt.position)))
    fencing = await open_another(fence_after=0.01)
    async with asyncio.timeout(60):
        while await fencing.log.high_water_mark() < receipt.position:
            await asyncio.sleep(0)
        assert await waiting == receipt.position


async def test_the_version_at_a_position_is_found_without_reading_the_stream(store, open_another):
    for start in range(0, 300, 100):
        chain = [commit("note-a", version) for version in range(start, start + 100)]
        await asyncio.gather(*map(store.log.append, chain))
    other = await open_another()
    async with documents_read(store) as documents:
        assert await other.log.version_at("default", "note-a", AsOf(position=123)) == 123
    assert sum(documents) < 30


async def test_versions_are_one_for_each_commit_and_pages_of_them_join(open_another):
    store = await open_another(LogOptions(stream_page=2))
    await store.log.append(commit("note-a", 0, Written(text="x"), Scored(by=1), Scored(by=2), actor="ann"))
    await store.log.append(commit("note-b", 0))
    await store.log.append(commit("note-a", 3, Scored(by=3)))
    await store.log.append(commit("note-a", 4, Written(text="y"), Scored(by=4)))
    history = StreamHistory(store.log)
    versions = await history.versions("default", "note-a")
    assert [(one.version, one.types, one.commit.position, one.commit.actor) for one in versions] == [
        (3, ("note.written", "note.scored", "note.scored"), 1, "ann"),
        (4, ("note.scored",), 3, None),
        (6, ("note.written", "note.scored"), 4, None),
    ]
    paged, after = [], 0
    while page := await history.versions("default", "note-a", after, 1):
        paged += page
        after = page[-1].version
    assert paged == versions


async def test_two_versions_differ_by_the_events_between_them_in_both_directions(store):
    await write(store, [(0, 2, 0), (0, 1, 1)])
    history = StreamHistory(store.log)
    added = [ValueChange(Operation.ADD, "/lines/2", None, "1.0")]
    removed = [ValueChange(Operation.REMOVE, "/lines/2", "1.0", None)]
    assert await history.diff("default", "note-a", Sheet, 2, 3) == added
    assert await history.diff("default", "note-a", Sheet, 3, 2) == removed
    assert await history.diff("default", "note-a", Sheet, 3, 3) == []
    assert await history.diff("default", "note-a", Sheet, 0, 1) == [
        ValueChange(Operation.ADD, "/lines", None, ["0.0"])
    ]
    for wrong in (4, 99):
        with pytest.raises(NotFound, match=f"note-a has no version {wrong} yet"):
            await history.diff("default", "note-a", Sheet, 1, wrong)
    with pytest.raises(ValidationFailed):
        await history.diff("default", "note-a", Sheet, -1, 1)


async def test_the_readable_part_ends_where_it_was_checked(store):
    """However it is read: what was appended after the check is as if it did not exist yet."""
    await write(store, [(0, 2, 0)])
    part = await StreamHistory(store.log).readable_part("default", "note-a", lambda _: True)
    await store.log.append(commit("note-a", 2, Written(text="later")))
    assert (await part.state("default", "note-a", Sheet, AsOf(position=2))).version == 2
    assert [event.version for event in await part.events("default", "note-a", AsOf(position=2))] == [1, 2]
    assert [each.version for each in await part.versions("default", "note-a")] == [2]
    with pytest.raises(NotFound, match="note-a has no version 3 yet"):
        await part.diff("default", "note-a", Sheet, 2, 3)
    nothing = await StreamHistory(store.log).readable_part("default", "note-b", lambda _: True)
    await store.log.append(commit("note-b", 0))
    with pytest.raises(NotFound, match="there is no stream"):
        await nothing.versions("default", "note-b")


async def test_no_part_is_readable_with_an_event_that_is_not(store):
    await write(store, [(0, 2, 0)])
    with pytest.raises(NotFound, match="there is no stream"):
        await StreamHistory(store.log).readable_part("default", "note-a", lambda event: event.version == 1)


async def test_a_state_is_not_returned_without_an_event_that_cannot_be_read(store):
    await write(store, [(0, 1, 0), (0, 1, 1)])
    await store.documents.update_one({"_id": 2}, {"$set": {"events.0.type": "note.newer"}})
    history = StreamHistory(store.log)
    assert (await history.state("default", "note-a", Sheet, AsOf(position=1))).version == 1
    with pytest.raises(Unavailable, match=r"note\.newer"):
        await history.state("default", "note-a", Sheet, AsOf(position=2))
