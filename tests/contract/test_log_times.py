"""Record times never go back in the log, whatever the clocks of its writers do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore.commit_documents import encode_commit, with_position
from eventstore.log import EventLog
from eventstore.options import CounterOptions
from tests.helpers.commits import CATALOG, HELD, NEVER, RESERVED, Store, append_options, commit
from tests.helpers.counter_paths import BOTH_COUNTER_PATHS
from tests.helpers.notes import START

HOUR = timedelta(hours=1)


class Clock:
    """A clock that a test sets."""

    def __init__(self, time: datetime = START) -> None:
        self.time = time

    def __call__(self) -> datetime:
        return self.time


async def times(store: Store) -> list[datetime]:
    """The record times of all commits and records, in the order of their positions."""
    found = store.documents.find({"tenant": {"$exists": True}}, {"at": 1}).sort([("_id", 1)])
    return [document["at"] for document in await found.to_list(None)]


async def test_a_commit_is_recorded_at_its_time_and_not_before_the_one_before_it(store, open_another):
    other = await open_another()
    ahead, behind = START + HOUR, START - HOUR
    for number, (log, at) in enumerate([(store, START), (other, ahead), (store, behind), (other, ahead)]):
        await log.log.append(commit(f"note-{number}", 0, at=at))
    assert await times(store) == [START, ahead, ahead, ahead]
    await store.log.append(commit("note-last", 0, at=ahead + HOUR))
    assert (await times(store))[-1] == ahead + HOUR


@BOTH_COUNTER_PATHS
async def test_commits_of_many_writers_with_other_clocks_are_in_the_order_of_their_times(open_another):
    """Each busy enough to take itself for the only writer, if it is."""
    stores = [await open_another() for _ in range(3)]

    async def write(number: int, store: Store) -> None:
        for version in range(40):
            at = START + timedelta(seconds=(version * 37 * (number + 1)) % 101 - 40 * number)
            await store.log.append(commit(f"note-{number}", version, at=at))

    await asyncio.gather(*(write(number, store) for number, store in enumerate(stores)))
    found = await times(stores[0])
    assert found == sorted(found)
    assert len(found) == 120


async def test_a_writer_whose_counter_was_lost_continues_after_the_times_of_the_log(store, open_another):
    ahead = START + HOUR
    await store.log.append(commit("note-a", 0, at=ahead))
    await store.database["counters"].delete_many({})
    other = await open_another()
    await other.log.append(commit("note-b", 0, at=START))
    assert await times(store) == [ahead, ahead]


async def test_a_log_that_ends_far_ahead_of_the_clock_does_not_stand_still(store, open_another):
    """As one may that was written before times were kept in order."""
    future = datetime(2131, 1, 1, tzinfo=UTC)
    await store.documents.insert_many([with_position(encode_commit(commit("note-a", 0, at=future)), 1)])
    other = await open_another()
    new = commit("note-b", 0)
    await other.log.append(new)
    assert await times(store) == [future, new.at]


SHORT = replace(HELD, dead_after=0.2)
"""A process holds the counter at once, and counts as dead soon."""


async def holder(store: Store) -> dict[str, Any] | None:
    counter = await store.database["counters"].find_one({"_id": "log"})
    return (counter or {}).get("held")


class TestTheHolder:
    """Of the counter, which hands out positions and times itself."""

    @pytest.fixture
    def counter(self) -> CounterOptions:
        return SHORT

    async def test_lets_go_when_another_asks_and_no_time_goes_back(self, store, open_another):
        await store.log.append(commit("note-a", 0, at=START))
        await store.log.append(commit("note-a", 1, at=START + HOUR))
        assert await holder(store) is not None
        other = await open_another()
        await other.log.append(commit("note-b", 0, at=START))
        await store.log.append(commit("note-a", 2, at=START))
        assert await times(store) == [START, START + HOUR, START + HOUR, START + HOUR]

    @pytest.mark.parametrize("counter", [replace(SHORT, idle_after=0.0)], ids=["idle at once"])
    async def test_releases_it_when_it_is_idle(self, store):
        await store.log.append(commit("note-a", 0))
        async with asyncio.timeout(60):
            while await holder(store) is not None:
                await asyncio.sleep(0.01)
        await store.log.append(commit("note-a", 1))

    @pytest.mark.parametrize("counter", [replace(SHORT, idle_after=NEVER)], ids=["never idle"])
    async def test_releases_it_when_it_is_closed(self, store):
        await store.log.append(commit("note-a", 0))
        await store.log.append(commit("note-a", 1))
        assert await holder(store) is not None
        await store.log.close()
        assert await holder(store) is None

    async def test_that_died_is_replaced_and_nothing_of_it_lands_any_more(self, store, open_another):
        """Here it has stopped before an insert, which comes when another has written with a later time."""
        await store.log.append(commit("note-a", 0, at=START))
        await store.log.append(commit("note-a", 1, at=START))
        held = await holder(store)
        assert held is not None
        for task in store.log._appender._positions._keepers:
            task.cancel()
        stopped = [with_position(encode_commit(commit("note-a", 2, at=START)), 3)]
        other = await open_another()
        await other.log.append(commit("note-b", 0, at=START + HOUR))
        with pytest.raises(Exception, match="duplicate key"):
            await store.documents.insert_many(stopped)
        assert await times(store) == [START, START, START + HOUR]
        await store.log.append(commit("note-a", 2, at=START))
        assert await times(store) == [START, START, START + HOUR, START + HOUR]

    async def test_that_died_is_replaced_once_however_many_wait(self, store, open_another):
        for version in range(2):
            await store.log.append(commit("note-a", version, at=START))
        for task in store.log._appender._positions._keepers:
            task.cancel()
        others = [await open_another() for _ in range(4)]
        new = [commit(f"note-{number}", 0, at=START + number * HOUR) for number in range(4)]
        await asyncio.gather(*(other.log.append(one) for other, one in zip(others, new, strict=True)))
        found = await times(store)
        assert found == sorted(found)
        assert len(found) == 6
        window = store.log._appender._positions._window
        # A slow machine may take the one that replaced it for dead as well; four would be too many.
        assert await store.documents.count_documents({"tombstone": True}) < 3 * window

    @pytest.mark.parametrize("counter", [replace(SHORT, report_every=NEVER)], ids=["silent"])
    async def test_that_was_only_slow_goes_on_behind_the_others(self, store, open_another):
        for version in range(3):
            await store.log.append(commit("note-a", version, at=START))
        other = await open_another()
        await other.log.append(commit("note-b", 0, at=START + HOUR))
        receipts = [await store.log.append(commit("note-a", version, at=START)) for version in (3, 4)]
        assert [receipt.version for receipt in receipts] == [4, 5]
        assert await times(store) == [START] * 3 + [START + HOUR] * 3


jumps = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-86_400, 86_400), st.integers(1, 5), st.booleans()),
    min_size=1,
    max_size=12,
)


@pytest.mark.one_driver
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(jumps=jumps, alone=st.booleans())
async def test_no_time_goes_back_however_the_clocks_jump(store, jumps, alone):
    """Of three writers each writes some commits at once, its clock at some time; and may be restarted."""
    for name in ("log", "counters"):
        await store.database[name].delete_many({})
    await _jump(store.database, jumps, HELD if alone else RESERVED)


async def _jump(database: Any, jumps: list[tuple[int, int, int, bool]], counter: CounterOptions) -> None:
    def opened() -> EventLog:
        return EventLog(
            database,
            CATALOG,
            clock=Clock(),
            announce=lambda position: None,
            fence_after=NEVER,
            options=append_options(counter=counter),
        )

    logs = [opened() for _ in range(3)]
    await logs[0].open()
    number, sending = 0, []
    for writer, seconds, count, restart in jumps:
        if restart:
            await logs[writer].close()
            logs[writer] = opened()
        for _ in range(count):
            number += 1
            new = commit(f"note-{number}", 0, at=START + timedelta(seconds=seconds))
            sending.append(asyncio.create_task(logs[writer].append(new)))
        await asyncio.sleep(0)
        if restart:
            await asyncio.gather(*sending)
    await asyncio.gather(*sending)
    for log in logs:
        await log.close()
    found = await database["log"].find({}, {"at": 1}).sort([("_id", 1)]).to_list(None)
    assert [one["at"] for one in found] == sorted(one["at"] for one in found)
    assert len(found) == number
