"""Snapshots of states with personal data: of use as others are, and void with any of their subjects' keys."""

from __future__ import annotations

import bson
import pytest

from eventstore.aggregates.rebuilder import AggregateRebuilder
from eventstore.aggregates.snapshots import AggregateSnapshot, Snapshots
from eventstore.personal.sealing import MasterKeys
from eventstore.personal.subject_keys import owner_of
from tests.helpers.commits import CATALOG, commit
from tests.helpers.people import Person, PersonRegistered, PersonRenamed, Remarked
from tests.helpers.totals import EVERY, Process, idle

PLAIN = "plain text"


@pytest.fixture
async def process(open_another) -> Process:
    process = Process(await open_another(masters=MasterKeys(b"m" * 32)))
    events = [PersonRegistered(city="Graz", name="a"), *[PersonRenamed(name=PLAIN)] * EVERY]
    about = Remarked(about_id="person-2", text=PLAIN)
    await process.store.log.append(commit("person-1", 0, *events, about, category="person"))
    return process


async def begun_at(process: Process) -> tuple[str | None, int, int]:
    """The name in the state, its version, and the version of the snapshot that its load began with."""
    state, version, snapshot = await process.rebuilder.rebuild("default", "person-1", Person)
    await idle(process.rebuilder)
    return state.name, version, snapshot


async def test_a_state_with_personal_data_has_a_sealed_snapshot_that_a_load_begins_with(process):
    assert await begun_at(process) == (PLAIN, EVERY + 2, 0)
    stored = await process.snapshot_at(EVERY + 2, "person-1")
    assert PLAIN.encode() not in bson.encode(stored)
    assert stored["subjects"] == ["person-1", "person-2"]
    assert await begun_at(process) == (PLAIN, EVERY + 2, EVERY + 2)


@pytest.mark.parametrize(("erased", "name"), [("person-1", None), ("person-2", PLAIN)])
async def test_an_erasure_of_any_subject_voids_the_snapshot(process, erased, name):
    await begun_at(process)
    await process.store.log.keys.destroy([owner_of("default", erased)])
    assert await begun_at(process) == (name, EVERY + 2, 0)
    assert await begun_at(process) == (name, EVERY + 2, EVERY + 2), "there is a new one, without the subject"
    stored = await process.snapshot_at(EVERY + 2, "person-1")
    assert erased not in stored["subjects"]


async def test_a_state_read_before_an_erasure_does_not_become_a_snapshot_after_it(process):
    end = await process.rebuilder.advance("default", "person-1", AggregateSnapshot(Person(), 0, ""))
    await process.store.log.keys.destroy([owner_of("default", "person-2")])
    await process.snapshots.write("default", "person-1", end)
    assert await process.kept("person-1") is None


async def test_without_a_seal_personal_data_is_not_kept(process):
    snapshots = Snapshots(process.store.database, CATALOG)
    rebuilder = AggregateRebuilder(process.store.log, snapshots, EVERY)
    await rebuilder.rebuild("default", "person-1", Person)
    await idle(rebuilder)
    assert await process.kept("person-1") is None
