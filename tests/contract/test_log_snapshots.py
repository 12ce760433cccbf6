"""Snapshots: a load with them gives what a load without them gives, whatever is in the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kernel import Aggregate, Catalog, Facts
from eventstore import rebuilder
from eventstore.aggregates import AggregateRepository
from eventstore.rebuilder import Rebuilder
from eventstore.sealing import MasterKeys
from eventstore.snapshots import Snapshot, Snapshots
from tests import letters, people
from tests.commits import CATALOG, Store, commit, open_store, scores
from tests.letters.stored import FIRST, OPENED, document
from tests.notes import Note, Scored, Touch
from tests.strategies import MOMENTS, TEXT

EVERY = 5


@dataclass(frozen=True, slots=True)
class Total(Aggregate[Touch, Scored]):
    category = "note"
    sum: int = 0

    def decide(self, command: Touch, facts: Facts) -> Sequence[Scored]:
        return ()

    def evolve(self, event: Scored) -> Total:
        return Total(self.sum + event.by)


@dataclass(frozen=True, slots=True)
class Odd(Aggregate[Touch, Scored]):
    """Its state does not come back from JSON as what it was."""

    category = "note"
    seen: Any = ()

    def decide(self, command: Touch, facts: Facts) -> Sequence[Scored]:
        return ()

    def evolve(self, event: Scored) -> Odd:
        return Odd((*self.seen, event.by))


class Process:
    """Loads aggregates as one process does; `cold` forgets what it has in memory."""

    def __init__(self, store: Store, catalog: Catalog = CATALOG) -> None:
        self.store = store
        self.snapshots = Snapshots(store.database, store.log, catalog)
        self.rebuilder = Rebuilder(store.log, self.snapshots, EVERY)
        self.aggregates = AggregateRepository(store.log, self.rebuilder)

    async def cold(self, stream: str = "note-a", kind: Any = Total) -> Any:
        """The state of the stream and its version, by a repository that has never seen it."""
        loaded = await AggregateRepository(self.store.log, self.rebuilder).load("default", stream, kind)
        return loaded.state, loaded.version

    async def append(self, count: int, stream: str = "note-a") -> None:
        """`count` commits of one event that adds 1 each."""
        _, version = await self.from_zero(stream)
        for number in range(count):
            await self.store.log.append(commit(stream, version + number, Scored(by=1)))

    async def from_zero(self, stream: str = "note-a", kind: Any = Total) -> Any:
        loaded = await AggregateRepository(self.store.log).load("default", stream, kind)
        return loaded.state, loaded.version

    async def kept(self, stream: str = "note-a") -> dict[str, Any] | None:
        return await self.store.database["snapshots"].find_one({"_id": f"default/{stream}"})

    async def snapshot_at(self, version: int, stream: str = "note-a") -> dict[str, Any]:
        """The stream's snapshot once it is at the version."""
        async with asyncio.timeout(10):
            while (found := await self.kept(stream)) is None or found["version"] != version:
                await asyncio.sleep(0.01)
        return found


@pytest.fixture
async def process(store: Store) -> AsyncIterator[Process]:
    process = Process(store)
    yield process
    await process.rebuilder.close()


async def idle(rebuilder: Rebuilder) -> None:
    """Wait until nothing waits for a snapshot."""
    async with asyncio.timeout(10):
        while rebuilder.waiting:
            await asyncio.sleep(0.001)


async def test_a_load_begins_at_the_snapshot_and_reads_what_came_since(process):
    await process.append(EVERY)
    assert await process.cold() == (Total(5), 5)
    await process.snapshot_at(5)
    await process.append(2)
    await process.store.documents.delete_many({"_id": {"$lt": 5}})
    assert await process.cold() == (Total(7), 7)


async def test_a_stream_has_a_new_snapshot_after_so_many_events_and_none_before(process):
    await process.append(EVERY - 1)
    await process.cold()
    await process.append(1, "note-b")
    await process.append(EVERY, "note-c")
    await process.cold("note-c")
    await process.snapshot_at(5, "note-c")
    assert [await process.kept(), await process.kept("note-b")] == [None, None]
    await process.append(1)
    await process.cold()
    await process.snapshot_at(5)
    await process.append(EVERY)
    await process.cold()
    await process.snapshot_at(10)


async def test_a_stream_that_is_only_appended_to_has_its_snapshots_too(process):
    """Each is made of what the log holds, not of the states that the process keeps: those are wrong here."""
    for version in range(1, 12):
        await process.append(1)
        process.aggregates.keep("default", "note-a", Total(1000), version)
        if version % EVERY == 0:
            await process.snapshot_at(version)
    assert (await process.aggregates.load("default", "note-a", Total)).state == Total(1000)
    assert await process.cold() == (Total(11), 11)


async def test_one_long_load_is_read_in_pages_and_leaves_a_snapshot(process, monkeypatch):
    monkeypatch.setattr(rebuilder, "PAGE", 3)
    await process.store.log.append(commit("note-a", 0, *scores(10)))
    await process.append(1)
    assert await process.cold() == (Total(56), 11)
    await process.snapshot_at(11)


async def test_a_snapshot_of_other_code_does_not_count_and_is_replaced(process, caplog):
    await process.append(EVERY)
    await process.cold()
    right = await process.snapshot_at(5)
    other = {"fingerprint": "other", "version": 90, "state": b"{}", "marked": True}
    await process.store.database["snapshots"].update_one({}, {"$set": other})
    assert await process.cold() == (Total(5), 5)
    replaced = await process.snapshot_at(5)
    assert {name: replaced[name] for name in right} == right
    assert not caplog.records


async def test_an_aggregate_of_another_class_does_not_take_the_snapshot_for_its_own(process):
    await process.append(EVERY)
    await process.cold()
    await process.snapshot_at(5)
    assert await process.cold(kind=Note) == (Note(), 5)
    assert await process.cold() == (Total(5), 5)


BROKEN: list[dict[str, Any]] = [
    {"$set": {"state": b'{"sum":6}'}},
    {"$set": {"state": b"no JSON"}},
    {"$set": {"state": "text"}},
    {"$set": {"version": 4}},
    {"$set": {"version": 2**40}},
    {"$set": {"event": "another"}},
    {"$unset": {"state": ""}},
    {"$unset": {"digest": "", "version": ""}},
    {"$set": {"digest": 7}},
]


@pytest.mark.parametrize("change", BROKEN, ids=str)
async def test_a_broken_snapshot_is_dropped_with_a_warning_and_replaced(process, caplog, change):
    await process.append(EVERY)
    await process.cold()
    right = await process.snapshot_at(5)
    await process.store.database["snapshots"].update_one({}, change)
    assert await process.cold() == (Total(5), 5)
    assert await process.snapshot_at(5) == right
    (record,) = caplog.records
    assert record.message.startswith("the snapshot of default/note-a is dropped: it is broken")
    assert record.levelno == logging.WARNING


async def test_the_snapshot_of_another_stream_is_dropped(process, caplog):
    for stream in ("note-a", "note-b"):
        await process.append(EVERY, stream)
    await process.append(1, "note-a")
    await process.cold("note-b")
    foreign = await process.snapshot_at(5, "note-b")
    await process.store.database["snapshots"].insert_one({**foreign, "_id": "default/note-a"})
    assert await process.cold() == (Total(6), 6)
    assert "is dropped: it is broken" in caplog.text
    await process.snapshot_at(6)


@pytest.mark.parametrize("goes_on", [0, 2, 20])
async def test_a_snapshot_of_a_history_that_is_gone_is_dropped(process, caplog, goes_on):
    """The log was restored to an earlier time than the snapshots, and may have gone on otherwise."""
    await process.append(EVERY + 2)
    await process.cold()
    await process.snapshot_at(7)
    await process.store.documents.delete_many({"_id": {"$gt": 5}})
    after = Process(process.store)
    for number in range(goes_on):
        await process.store.database["log"].insert_one(
            {
                **(await process.store.documents.find_one({"_id": 5}) or {}),
                "_id": 6 + number,
                "command": {"id": f"again-{number}", "name": "Touch"},
                "events": [
                    {"id": f"again-{number}", "type": "note.scored", "schema": 1, "version": 6 + number}
                    | {"data": {"by": 2}}
                ],
            }
        )
    assert await after.cold() == (Total(5 + 2 * goes_on), 5 + goes_on)
    assert "is dropped: the log has not the event that it ends with" in caplog.text
    await after.snapshot_at(5 + goes_on)
    assert await after.cold() == await after.from_zero()
    await after.rebuilder.close()


async def test_an_older_snapshot_does_not_replace_a_newer_one(process):
    await process.append(EVERY)
    await process.cold()
    newer = await process.snapshot_at(5)
    await process.snapshots.write("default", "note-a", Snapshot(Total(3), 3, "evt-3"))
    assert await process.kept() == newer


async def test_a_state_that_does_not_come_back_from_json_has_no_snapshot(process, caplog):
    await process.append(EVERY)
    assert await process.cold(kind=Odd) == (Odd((1,) * 5), 5)
    await process.append(EVERY, "note-b")
    await process.cold("note-b")
    await process.snapshot_at(5, "note-b")
    assert await process.kept() is None
    assert caplog.messages == ["states of Odd have no snapshots: they do not come back from JSON"]


async def test_a_state_that_may_hold_personal_data_has_no_snapshot(open_another):
    process = Process(await open_another(masters=MasterKeys(b"m" * 32)))
    events = [people.PersonRegistered(city="Graz", name="a"), *[people.PersonRenamed(name="b")] * EVERY]
    await process.store.log.append(commit("person-1", 0, *events, category="person"))
    assert (await process.cold("person-1", people.Person))[1] == 6
    process.aggregates.keep("default", "person-1", people.Person("b"), 6)
    await process.append(EVERY)
    await process.cold()
    await process.snapshot_at(5)
    assert await process.kept("person-1") is None
    await process.rebuilder.close()


async def test_what_cannot_be_read_has_no_snapshot_and_holds_up_no_other(process, caplog):
    for stream in ("note-a", "note-b"):
        await process.append(EVERY, stream)
    await process.store.documents.update_one({"_id": 5}, {"$set": {"events.0.type": "note.newer"}})
    for stream in ("note-a", "note-b"):
        process.aggregates.keep("default", stream, Total(5), 5)
    await process.snapshot_at(5, "note-b")
    assert await process.kept() is None
    assert "note-a has no new snapshot: Unavailable: the event 'note.newer'" in caplog.text


async def test_only_so_many_streams_wait_for_a_snapshot(process, monkeypatch):
    monkeypatch.setattr(rebuilder, "WAITING", 2)
    streams = [f"note-{name}" for name in "abcd"]
    for stream in streams:
        await process.append(EVERY, stream)
    for stream in streams:
        process.aggregates.keep("default", stream, Total(5), 5)
    for stream in streams[:2]:
        await process.snapshot_at(5, stream)
    assert [await process.kept(stream) for stream in streams[2:]] == [None, None]


async def test_events_of_old_revisions_are_in_a_snapshot_as_they_are_read(open_another):
    catalog = Catalog([letters.context])
    process = Process(await open_another(catalog=catalog), catalog)
    await process.store.documents.insert_one(document(1, "letter-a", 1, FIRST, *[OPENED] * EVERY))
    first = await process.cold("letter-a", letters.Letter)
    await process.snapshot_at(6, "letter-a")
    assert await process.cold("letter-a", letters.Letter) == first
    assert first == await process.from_zero("letter-a", letters.Letter)
    await process.rebuilder.close()


happenings = st.lists(
    st.one_of(
        st.builds(
            letters.Sent,
            recipients=st.lists(st.text(max_size=3), max_size=3),
            text=st.just(""),
            speed=st.sampled_from(letters.Speed),
            due=st.none() | MOMENTS,
        ),
        st.builds(letters.Opened, by=TEXT),
    ),
    min_size=1,
    max_size=6,
)
acts = st.sampled_from(["load cold", "load", "load fresh", "keep", "wait"])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(st.tuples(happenings, acts), min_size=1, max_size=8), every=st.integers(1, 6))
def test_a_load_with_snapshots_is_a_load_from_zero(
    mongo_url: str, database: str, history: list[tuple[list[Any], str]], every: int
):
    stream = f"letter-{uuid4().hex}"

    async def check() -> None:
        catalog = Catalog([letters.context])
        async with open_store(mongo_url, database, catalog=catalog) as store:
            snapshots = Rebuilder(store.log, Snapshots(store.database, store.log, catalog), every)
            process = AggregateRepository(store.log, snapshots)
            version = 0
            for events, act in history:
                await store.log.append(commit(stream, version, *events, category="letter"))
                version += len(events)
                zero = await AggregateRepository(store.log).load("default", stream, letters.Letter)
                if act == "keep":
                    process.keep("default", stream, zero.state, version)
                elif act == "wait":
                    await idle(snapshots)
                else:
                    repository = AggregateRepository(store.log, snapshots) if act == "load cold" else process
                    loaded = await repository.load("default", stream, letters.Letter, fresh=act != "load")
                    if loaded.fresh:
                        assert (loaded.state, loaded.version) == (zero.state, zero.version)
            await idle(snapshots)
            loaded = await AggregateRepository(store.log, snapshots).load("default", stream, letters.Letter)
            assert (loaded.state, loaded.version) == (zero.state, zero.version)
            await snapshots.close()

    asyncio.run(check())
