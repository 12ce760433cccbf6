"""Snapshots: a load with them gives what a load without them gives, whatever is in the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import workflows
from domain.kernel import Catalog
from domain.workflows.aggregate import Workflow
from eventstore.aggregates.rebuilder import AggregateRebuilder
from eventstore.aggregates.repository import AggregateRepository
from eventstore.aggregates.snapshots import AggregateSnapshot, Snapshots
from eventstore.options import LogOptions
from tests.helpers import invoices, letters
from tests.helpers.commits import Store, commit, open_store, scores
from tests.helpers.event_data import MOMENTS, TEXT
from tests.helpers.invoices import DETAILS, Invoice, InvoiceWritten
from tests.helpers.letters.stored import FIRST, OPENED, document
from tests.helpers.notes import now
from tests.helpers.totals import EVERY, Odd, Process, Total, idle


@pytest.fixture
async def process(store: Store) -> AsyncIterator[Process]:
    process = Process(store)
    yield process
    await process.rebuilder.close()


async def test_a_load_begins_at_the_snapshot_and_reads_later_events(process):
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
        process.aggregates.remember("default", "note-a", Total(1000), version)
        if version % EVERY == 0:
            await process.snapshot_at(version)
    assert (await process.aggregates.load("default", "note-a", Total)).state == Total(1000)
    assert await process.cold() == (Total(11), 11)


async def test_one_long_load_is_read_in_pages_and_leaves_a_snapshot(open_another):
    process = Process(await open_another(LogOptions(stream_page=3)))
    await process.store.log.append(commit("note-a", 0, *scores(10)))
    await process.append(1)
    assert await process.cold() == (Total(56), 11)
    await process.snapshot_at(11)


async def test_an_older_snapshot_does_not_replace_a_newer_one(process):
    await process.append(EVERY)
    await process.cold()
    newer = await process.snapshot_at(5)
    await process.snapshots.write("default", "note-a", AggregateSnapshot(Total(3), 3, "evt-3"))
    assert await process.kept() == newer


async def test_a_state_that_is_not_as_declared_has_no_snapshot(process, caplog):
    await process.append(EVERY)
    assert await process.cold(kind=Odd) == (Odd((1,) * 5), 5)  # type: ignore[arg-type]
    await process.append(EVERY, "note-b")
    await process.cold("note-b")
    await process.snapshot_at(5, "note-b")
    assert await process.kept() is None
    assert caplog.messages == [
        "states of Odd get no snapshots: Odd.seen[0]: expected a text, not a value of class int"
    ]


WORKFLOW = Workflow(steps=2, done=frozenset({("a", "task-1"), ("b", "task-2")}), started_at=now())
INVOICE = Invoice().evolve(InvoiceWritten(details=DETAILS, nested={}, remark=None, note=None))


@pytest.mark.parametrize("state", [WORKFLOW, INVOICE, Invoice()], ids=lambda state: type(state).__name__)
async def test_a7_a_state_of_any_declared_types_comes_back_from_its_snapshot(store, state):
    snapshots = Process(store, Catalog([workflows.context, invoices.context])).snapshots
    await snapshots.write("default", "note-a", AggregateSnapshot(state, 1, "evt-1"))
    snapshot = await snapshots.read("default", "note-a", type(state))
    assert snapshot == AggregateSnapshot(state, 1, "evt-1")


async def test_an_unreadable_stream_has_no_snapshot_and_delays_no_other(process, caplog):
    for stream in ("note-a", "note-b"):
        await process.append(EVERY, stream)
    await process.store.documents.update_one({"_id": 5}, {"$set": {"events.0.type": "note.newer"}})
    for stream in ("note-a", "note-b"):
        process.aggregates.remember("default", stream, Total(5), 5)
    await process.snapshot_at(5, "note-b")
    assert await process.kept() is None
    assert "cannot write a snapshot of note-a: Unavailable: the event 'note.newer'" in caplog.text


async def test_only_so_many_streams_wait_for_a_snapshot(store):
    process = Process(store, max_waiting=2)
    streams = [f"note-{name}" for name in "abcd"]
    for stream in streams:
        await process.append(EVERY, stream)
    for stream in streams:
        process.aggregates.remember("default", stream, Total(5), 5)
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


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(st.tuples(happenings, acts), min_size=1, max_size=8), every=st.integers(1, 6))
def test_a_load_with_snapshots_is_a_load_from_zero(
    mongo_url: str, database: str, history: list[tuple[list[Any], str]], every: int
):
    stream = f"letter-{uuid4().hex}"

    async def check() -> None:
        catalog = Catalog([letters.context])
        async with open_store(mongo_url, database, catalog=catalog) as store:
            snapshots = AggregateRebuilder(store.log, Snapshots(store.database, catalog), every)
            process = AggregateRepository(store.log, snapshots)
            version = 0
            for events, act in history:
                await store.log.append(commit(stream, version, *events, category="letter"))
                version += len(events)
                zero = await AggregateRepository(store.log).load("default", stream, letters.Letter)
                if act == "keep":
                    process.remember("default", stream, zero.state, version)
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
