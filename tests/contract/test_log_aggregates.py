"""Aggregates, rebuilt from the log and kept while they are in use."""

from __future__ import annotations

import asyncio

import pytest

from domain.kernel.errors import Unavailable
from eventstore.aggregates.repository import AggregateRepository
from eventstore.personal.sealing import MasterKeys
from eventstore.personal.subject_keys import owner_of
from tests.helpers.commits import commit, scores
from tests.helpers.mongo_profiler import commands
from tests.helpers.notes import Scored
from tests.helpers.people import Person, PersonRegistered
from tests.helpers.totals import Total


async def test_a_stream_that_does_not_exist_is_the_state_before_the_first_event(store):
    loaded = await AggregateRepository(store.log).load("default", "note-a", Total)
    assert (loaded.state, loaded.version, loaded.fresh) == (Total(), 0, True)


async def test_a_loaded_state_is_cached_and_a_fresh_load_adds_later_events(store):
    repository = AggregateRepository(store.log)
    await store.log.append(commit("note-a", 0, *scores(3)))
    first = await repository.load("default", "note-a", Total)
    await store.log.append(commit("note-a", 3, Scored(by=10)))
    kept = await repository.load("default", "note-a", Total)
    fresh = await repository.load("default", "note-a", Total, fresh=True)
    assert (first.state.sum, first.version, first.fresh) == (6, 3, True)
    assert (kept.state.sum, kept.version, kept.fresh) == (6, 3, False)
    assert (fresh.state.sum, fresh.version, fresh.fresh) == (16, 4, True)


async def test_a_fresh_load_of_a_cached_state_reads_only_later_events(store):
    repository = AggregateRepository(store.log)
    await store.log.append(commit("note-a", 0, *scores(3)))
    await repository.load("default", "note-a", Total)
    await store.documents.delete_one({"_id": 1})
    assert (await repository.load("default", "note-a", Total, fresh=True)).state.sum == 6


async def test_a_stream_that_is_probably_new_is_not_read_unless_its_state_must_be_fresh(store, open_another):
    await store.log.append(commit("note-a", 0, *scores(3)))
    repository = AggregateRepository((await open_another()).log)
    guess = await repository.load("default", "note-a", Total, is_probably_new=True)
    assert (guess.state, guess.version, guess.fresh) == (Total(), 0, False)
    fresh = await repository.load("default", "note-a", Total, fresh=True, is_probably_new=True)
    assert (fresh.state.sum, fresh.version, fresh.fresh) == (6, 3, True)


async def test_a_stream_of_which_events_were_seen_is_not_new(store):
    await store.log.append(commit("note-a", 0, *scores(3)))
    loaded = await AggregateRepository(store.log).load("default", "note-a", Total, is_probably_new=True)
    assert (loaded.state.sum, loaded.version, loaded.fresh) == (6, 3, True)


async def test_an_older_state_does_not_replace_a_newer_one(store):
    repository = AggregateRepository(store.log)
    repository.remember("default", "note-a", Total(5), 2)
    repository.remember("default", "note-a", Total(1), 1)
    assert (await repository.load("default", "note-a", Total)).state == Total(5)


async def test_only_so_many_are_kept_the_last_used(store):
    repository = AggregateRepository(store.log, size=2)
    for name in ("a", "b"):
        repository.remember("default", f"note-{name}", Total(7), 1)
    await repository.load("default", "note-a", Total)
    repository.remember("default", "note-c", Total(7), 1)
    kept = [(await repository.load("default", f"note-{name}", Total)).state.sum for name in "abc"]
    assert kept == [7, 0, 7]


async def test_a_state_is_not_built_without_an_event_of_an_unknown_type(store):
    await store.log.append(commit("note-a", 0, *scores(2)))
    await store.documents.update_one({"_id": 1}, {"$set": {"events.1.type": "note.newer"}})
    with pytest.raises(Unavailable, match=r"note\.newer"):
        await AggregateRepository(store.log).load("default", "note-a", Total)


async def test_a_state_with_personal_data_is_not_kept(open_another):
    store = await open_another(masters=MasterKeys(b"m" * 32))
    repository = AggregateRepository(store.log)
    registered = commit("person-1", 0, PersonRegistered(city="Graz", name="a"), category="person")
    await store.log.append(registered)
    repository.remember("default", "person-1", Person("a"), 1)
    first = await repository.load("default", "person-1", Person)
    await store.log.keys.destroy([owner_of("default", "person-1")])
    second = await repository.load("default", "person-1", Person)
    assert [(one.state, one.version, one.fresh) for one in (first, second)] == [
        (Person("a"), 1, True),
        (Person(None), 1, True),
    ]


async def test_a_state_is_not_built_with_an_event_that_was_tampered_with(open_another):
    store = await open_another(masters=MasterKeys(b"m" * 32))
    registered = commit("person-1", 0, PersonRegistered(city="Graz", name="a"), category="person")
    await store.log.append(registered)
    await store.documents.update_one({}, {"$set": {"events.0.sealed.0.value": b"0" * 40}})
    with pytest.raises(Unavailable, match=r"version 1 of person-1, .* was changed after it was sealed"):
        await AggregateRepository(store.log).load("default", "person-1", Person)


async def test_fresh_loads_at_the_same_time_share_one_read(store, open_another):
    repository, names = AggregateRepository(store.log), [f"note-{number}" for number in range(30)]
    for name in names:
        await store.log.append(commit(name, 0, Scored(by=1)))
        await repository.load("default", name, Total)
    other = await open_another()
    for name in names[:3]:
        await other.log.append(commit(name, 1, *scores(3)))
    async with commands(store) as counts:
        loads = [repository.load("default", name, Total, fresh=True) for name in (*names, *names)]
        loaded = await asyncio.gather(*loads)
    assert [one.state.sum for one in loaded] == [*[7] * 3, *[1] * 27] * 2
    assert all(one.fresh for one in loaded)
    assert counts["find log"] == 1


async def test_states_that_are_far_behind_are_caught_up_in_pages(store, monkeypatch):
    monkeypatch.setattr("eventstore.aggregates.rebuilder.SHARED_PAGE", 3)
    early, late = AggregateRepository(store.log), AggregateRepository(store.log)
    for name in ("note-a", "note-b"):
        await store.log.append(commit(name, 0, *scores(2)))
        await early.load("default", name, Total)
        for version in range(2, 10, 2):
            await store.log.append(commit(name, version, *scores(2)))
    expected = [await late.load("default", name, Total) for name in ("note-a", "note-b")]
    loads = [early.load("default", name, Total, fresh=True) for name in ("note-a", "note-b", "note-a")]
    assert await asyncio.gather(*loads) == [*expected, expected[0]]
    assert (expected[0].version, expected[0].state.sum) == (10, 15)
