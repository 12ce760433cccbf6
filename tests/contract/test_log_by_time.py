"""Reading by record time is exact, whatever the times in the log are, and at both ends of all times."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kernel.errors import OutsideLog
from eventstore.commit_documents import encode_commit, tombstone, with_position
from eventstore.options import LogOptions
from eventstore.reading.as_of import AsOf
from eventstore.reading.event_query import EventQuery
from eventstore.reading.record_times import EARLIEST, LATEST, RecordTimes
from tests.helpers.commits import Store, commit
from tests.helpers.notes import START

MINE, OTHER = "mine", "other"
FUTURE = datetime(2131, 1, 1, tzinfo=UTC)

Plan = Sequence[tuple[str | None, int]]
"""For each position the tenant, None for a tombstone, and the record time in seconds."""


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def write(store: Store, plan: Plan) -> None:
    """A log as one may be that was written before its times were kept in order."""
    documents: list[Any] = [
        tombstone(position, at(seconds))
        if tenant is None
        else with_position(
            encode_commit(commit(f"note-{position}", 0, tenant=tenant, at=at(seconds))), position
        )
        for position, (tenant, seconds) in enumerate(plan, 1)
    ]
    await store.documents.insert_many(documents)


def first(plan: Plan, tenants: Sequence[str], *, later: float) -> int | None:
    """The first position with a time of at least so many seconds."""
    found = (p for p, (tenant, seconds) in enumerate(plan, 1) if tenant in tenants and seconds >= later)
    return next(found, None)


plans = st.lists(
    st.tuples(st.sampled_from([MINE, MINE, OTHER, None]), st.integers(0, 6)), min_size=1, max_size=14
)


@pytest.mark.one_driver
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(plan=plans)
async def test_reading_by_time_is_exact_in_a_log_of_any_times(store, plan):
    """At and just after each time of the log, where what is read changes, and before all of them."""
    for name in ("log", "counters"):
        await store.database[name].delete_many({})
    await write(store, plan)
    store = await store.reopen()
    for seconds in sorted({-1, *(seconds + more for _, seconds in plan for more in (0, 1))}):
        moment = at(seconds)
        await _check_as_of(store, plan, seconds)
        behind = first(plan, (MINE, OTHER), later=seconds)
        assert await store.log.recorded_before(moment) == (behind or len(plan) + 1) - 1
        for since, until in ((moment, None), (None, moment), (moment, at(seconds + 3))):
            query = EventQuery(since=since, until=until)
            found = [event.position for event in await store.log.search(MINE, query)]
            assert found == [
                position
                for position, (tenant, time) in enumerate(plan, 1)
                if tenant == MINE
                and (since is None or at(time) >= since)
                and (until is None or at(time) < until)
            ]


async def _check_as_of(store: Store, plan: Plan, seconds: int) -> None:
    later, begin = first(plan, (MINE,), later=seconds + 0.001), first(plan, (MINE,), later=-9)
    expected = (later or len(plan) + 1) - 1
    as_of = AsOf(time=at(seconds))
    if begin is None or expected < begin:
        with pytest.raises(OutsideLog):
            await store.log.position_at(MINE, as_of)
    else:
        own = [place for place, (tenant, _) in enumerate(plan, 1) if tenant == MINE and place <= expected]
        assert await store.log.position_at(MINE, as_of) == own[-1]
    replay = await store.log.replay(MINE, since=as_of, until=AsOf(time=at(seconds + 2)))
    behind, end = first(plan, (MINE,), later=seconds), first(plan, (MINE,), later=seconds + 2)
    low, high = behind or len(plan) + 1, end or len(plan) + 1
    assert [one.position async for one in replay] == [
        position for position, (tenant, _) in enumerate(plan, 1) if tenant == MINE and low <= position < high
    ]


async def test_c18_a_time_still_to_come_in_an_old_log_hides_nothing(store, open_another):
    """One that a wrong clock or an import has left there; what came after it has true times."""
    ahead = int((FUTURE - START).total_seconds())
    await write(store, [(MINE, 0), (MINE, 10), (MINE, ahead), (OTHER, 20), (MINE, 30)])
    log = (await open_another()).log
    new = commit("note-new", 0, tenant=MINE)
    await log.append(new)
    assert await log.position_at(MINE, AsOf(time=new.at)) == 6
    assert await log.position_at(MINE, AsOf(time=at(15))) == 3
    assert await log.recorded_before(at(25)) == 4
    assert await log.recorded_before(new.at + timedelta(milliseconds=1)) == 6
    found = await log.search(MINE, EventQuery(until=new.at + timedelta(milliseconds=1)))
    assert [event.position for event in found] == [1, 2, 5, 6]


@pytest.mark.parametrize("plan", [[], [(MINE, 0)], [(MINE, 9), (MINE, 0)]], ids=["empty", "one", "disorder"])
async def test_c17_both_ends_of_all_times_are_moments_as_others(open_another, plan):
    store = await open_another()
    if plan:
        await write(store, plan)
    log, everything = store.log, [position for position, _ in enumerate(plan, 1)]

    async def found(since: datetime | None = None, until: datetime | None = None) -> list[int]:
        query = EventQuery(since=since, until=until)
        return [event.position for event in await log.search(MINE, query)]

    assert await found(since=EARLIEST) == await found(until=LATEST) == everything
    assert await found(since=EARLIEST, until=LATEST) == everything
    assert await found(until=EARLIEST) == await found(since=LATEST) == []
    assert await log.recorded_before(EARLIEST) == 0
    assert await log.recorded_before(LATEST) == len(plan)
    for time in (EARLIEST, LATEST):
        with pytest.raises(OutsideLog):
            await log.position_at(MINE, AsOf(time=time))
    whole = await log.replay(MINE, since=AsOf(time=EARLIEST), until=AsOf(time=LATEST))
    assert [one.position async for one in whole] == everything


async def test_record_times_are_measured_once_for_all_processes(open_another):
    store = await open_another(LogOptions(note_every=3))
    await write(store, [(MINE, 0), (MINE, 9), (MINE, 2), (MINE, 9)])
    assert await store.log.measure_times() == 4
    noted = None
    async with asyncio.timeout(60):
        while noted is None:
            # The note itself need not wait for a majority, and reads do.
            noted = await store.database["counters"].find_one({"_id": "times"})
    assert noted == {"_id": "times", "position": 4, "latest": at(9), "skew": 7_000}
    await store.documents.update_many({"_id": {"$lt": 4}}, {"$set": {"at": at(0)}})
    other = await open_another()
    await other.log.measure_times()
    assert other.log._times.skew == timedelta(seconds=7)


async def test_a_note_of_a_longer_log_does_not_count(store, open_another):
    """As after the restore of an older backup of the log alone."""
    await write(store, [(MINE, 0), (MINE, 9), (MINE, 2)])
    note = {"_id": "times", "position": 9, "latest": at(9), "skew": 0}
    await store.database["counters"].insert_one(note)
    log = (await open_another()).log
    assert [event.position for event in await log.search(MINE, EventQuery(since=at(1)))] == [2, 3]
    assert isinstance(log._times, RecordTimes)
    assert log._times.skew == timedelta(seconds=7)


async def test_pages_by_time_in_a_log_that_is_out_of_order_join(open_another):
    tenant = uuid4().hex
    store = await open_another()
    await write(store, [(tenant, (number * 7) % 10) for number in range(30)])
    query, after, paged = EventQuery(since=at(2), until=at(8)), 0, list[int]()
    while page := await store.log.search(tenant, query, after, 4):
        paged += [event.position for event in page]
        after = page[-1].position
    assert paged == [number + 1 for number in range(30) if 2 <= (number * 7) % 10 < 8]


happenings = st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 9)), min_size=1, max_size=12)


@pytest.mark.one_driver
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(plan=happenings)
async def test_a_search_by_event_time_finds_when_it_happened(store, plan):
    """Forwards and backwards, in pages, and together with the record time."""
    tenant = uuid4().hex
    store = await store.reopen()
    before, documents = await store.log.head(), []
    for number, (recorded, happened) in enumerate(plan, 1):
        occurred = None if happened is None else at(happened)
        new = commit(f"note-{uuid4().hex}", 0, tenant=tenant, at=at(recorded), occurred=occurred)
        documents.append(with_position(encode_commit(new), before + number))
    await store.documents.insert_many(documents)
    for since, until, recorded_since in ((2, 6, None), (4, None, None), (None, 5, None), (2, 8, 3)):
        times = [None if seconds is None else at(seconds) for seconds in (since, until, recorded_since)]
        query = EventQuery(occurred_since=times[0], occurred_until=times[1], since=times[2])
        expected = [
            before + number
            for number, (recorded, happened) in enumerate(plan, 1)
            if (since or 0) <= (recorded if happened is None else happened) < (99 if until is None else until)
            and recorded >= (recorded_since or 0)
        ]
        found, after = list[int](), 0
        while page := await store.log.search(tenant, query, after, 2):
            found += [event.position for event in page]
            after = page[-1].position
        assert found == expected
        last = await store.log.search(tenant, query, 0, 3, backward=True)
        assert [event.position for event in last] == expected[-3:]
        assert await store.log.count(tenant, query, before + len(plan), 100) == len(expected)
        commits = [one for one in await store.everything() if one.info is not None and one.position > before]
        assert [
            one.position for one in commits if one.info is not None and query.covers(one.info)
        ] == expected
