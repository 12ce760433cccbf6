"""Reading by stream, type, category, correlation and time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from eventstore.options import LogOptions
from eventstore.reading.event_query import EventQuery
from tests.helpers.archives import archive_all, folder
from tests.helpers.commits import commit, scores
from tests.helpers.mongo_profiler import documents_read
from tests.helpers.notes import START, Scored, Written

RARE = START - timedelta(days=9)


@pytest.fixture(params=["in the log", "archived"])
async def filled(request, open_another, tmp_path):
    """Ten commits, a minute apart: note-0 .. note-2 in turn, odd ones with two events."""
    store = await open_another(archive=folder(tmp_path))
    versions = [0, 0, 0]
    for number in range(10):
        which = number % 3
        events = (Scored(by=number), Written(text=f"{number}")) if number % 2 else (Scored(by=number),)
        await store.log.append(
            commit(
                f"note-{which}",
                versions[which],
                *events,
                at=START + timedelta(minutes=number),
                correlation=f"why-{number // 5}",
                category="note" if which else "other",
            )
        )
        versions[which] += len(events)
    if request.param == "archived":
        await archive_all(store, folder(tmp_path), commits=4)
    return store


def positions(events) -> list[int]:
    return [event.position for event in events]


async def test_a_search_finds_the_events_that_meet_all_conditions_in_order(filled):
    for query, expected in [
        (EventQuery(), [1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 8, 9, 10, 10]),
        (EventQuery(types=["note.written"]), [2, 4, 6, 8, 10]),
        (EventQuery(streams=["note-1"], types=["note.scored"]), [2, 5, 8]),
        (EventQuery(streams=["note-0", "note-2"]), [1, 3, 4, 4, 6, 6, 7, 9, 10, 10]),
        (EventQuery(categories=["other"]), [1, 4, 4, 7, 10, 10]),
        (EventQuery(correlation="why-1", types=["note.scored"]), [6, 7, 8, 9, 10]),
        (EventQuery(since=START + timedelta(minutes=8)), [9, 10, 10]),
        (EventQuery(until=START + timedelta(minutes=1)), [1]),
        (EventQuery(types=[]), []),
        (EventQuery(streams=["note-9"]), []),
    ]:
        assert positions(await filled.log.search("default", query)) == expected, query
        assert await filled.log.search("elsewhere", query) == [], query


async def test_each_event_is_found_by_its_id_in_its_tenant(filled):
    for event in await filled.log.search("default", EventQuery()):
        assert await filled.log.event("default", event.id) == event
        assert await filled.log.event("elsewhere", event.id) is None
    assert await filled.log.event("default", "evt-none") is None


async def test_an_event_id_of_two_tenants_is_the_event_of_each(store):
    """As an export that was imported under another tenant leaves it."""
    first = commit("note-a", 0, Written(text="own"))
    for tenant in ("default", "other"):
        stream, command_id = f"note-{tenant}", f"cmd-{tenant}"
        await store.log.restore([replace(first, tenant=tenant, stream=stream, command_id=command_id)])
    for tenant in ("default", "other"):
        event = await store.log.event(tenant, first.events[0].id)
        assert (event.stream, event.commit.tenant) == (f"note-{tenant}", tenant)


async def test_an_event_is_read_by_its_id_without_reading_others(store):
    for number in range(50):
        await store.log.append(commit(f"note-{number}", 0, *scores(3)))
    [*_, last] = await store.log.search("default", EventQuery(streams=["note-30"]))
    async with documents_read(store) as documents:
        assert (await store.log.event("default", last.id)).id == last.id
        assert await store.log.event("default", "evt-none") is None
    assert documents
    assert sum(documents) <= 3


async def test_an_event_behind_an_open_position_is_not_found_until_that_is_settled(store):
    await store.leave_hole()
    event = commit("note-a", 0)
    await store.log.append(event)
    assert await store.log.event("default", event.events[0].id) is None


async def test_pages_of_a_search_join_without_a_gap_or_a_double(filled):
    everything, after, query = await filled.log.search("default", EventQuery()), 0, EventQuery()
    paged = []
    while page := await filled.log.search("default", query, after, 2):
        paged += page
        after = page[-1].position
    assert paged == everything
    assert positions(await filled.log.search("default", query, 2, before=5)) == [3, 4, 4]


async def test_a_search_shows_nothing_behind_an_open_position(filled):
    """Else a page that was read already could get an event later."""
    await filled.leave_hole()
    await filled.log.append(commit("note-late", 0))
    assert positions(await filled.log.search("default", EventQuery()))[-1] == 10
    assert len(await filled.log.stream("default", "note-late")) == 1


async def test_a_search_for_the_rare_does_not_read_the_common(store):
    rare = commit("note-rare", 0, Written(text="x"), category="rare", correlation="rare", at=RARE)
    receipt = await store.log.append(rare)
    common = (commit(f"note-{number}", 0, at=START + timedelta(hours=number)) for number in range(400))
    await asyncio.gather(*(store.log.append(new) for new in common))
    for query in (
        EventQuery(types=["note.written"]),
        EventQuery(categories=["rare"]),
        EventQuery(correlation="rare"),
        EventQuery(since=RARE, until=RARE + timedelta(days=1)),
        EventQuery(streams=["note-rare"]),
    ):
        async with documents_read(store) as documents:
            assert positions(await store.log.search("default", query)) == [receipt.position]
        assert sum(documents) <= 3, query


async def test_a_search_by_time_reads_only_commits_near_that_time(store):
    hourly = (commit(f"note-{hour}", 0, at=START + timedelta(hours=hour)) for hour in range(400))
    await asyncio.gather(*(store.log.append(new) for new in hourly))
    since = EventQuery(since=START + timedelta(hours=200))
    async with documents_read(store) as documents:
        assert positions(await store.log.search("default", since, limit=3)) == [201, 202, 203]
    assert sum(documents) <= 5


async def test_a_stream_is_read_from_a_version_on_and_up_to_a_limit(open_another):
    store = await open_another(LogOptions(stream_page=3))
    for version in (0, 4, 5):
        await store.log.append(commit("note-a", version, *scores({0: 4, 4: 1, 5: 5}[version])))
        await store.log.append(commit(f"note-b{version}", 0))
    for after in range(12):
        for limit in (None, 1, 2, 5, 20):
            found = await store.log.stream("default", "note-a", after, limit)
            end = 10 if limit is None else min(10, after + limit)
            assert [event.version for event in found] == list(range(after + 1, end + 1))
    assert await store.log.stream("default", "note-none") == []


async def test_a_new_process_starts_from_the_high_water_mark_that_another_has_noted(open_another):
    store = await open_another(LogOptions(note_every=3))
    for number in range(7):
        await store.log.append(commit(f"note-{number}", 0))
    assert await store.log.high_water_mark() == 7
    await store.log.append(commit("note-last", 0))
    kept = await store.database["counters"].find_one({"_id": "settled"})
    assert kept == {"_id": "settled", "position": 7}
    await store.documents.delete_many({"_id": {"$lt": 5}})
    assert await (await open_another()).log.high_water_mark() == 8


async def test_an_event_of_an_unknown_type_is_read_as_data(store):
    await store.log.append(commit("note-a", 0, Written(text="x")))
    await store.documents.update_one({"_id": 1}, {"$set": {"events.0.type": "note.forgotten"}})
    (found,) = await store.everything()
    assert found.events[0].payload is None
    assert found.events[0].data == {"text": "x"}


async def test_commits_of_categories_are_read_by_index_in_all_tenants(filled):
    """At the cost of these alone, whatever else the log has."""
    await filled.log.append(commit("rare-1", 0, Scored(by=1), category="rare", tenant="b"))
    await filled.log.append(commit("rare-1", 0, Scored(by=1), category="rare"))
    await filled.log.append(commit("note-9", 0, Scored(by=1), tenant="c"))
    async with documents_read(filled) as read:
        commits, upto = await filled.log.commits_of(["rare", "other"])
    assert [each.position for each in commits] == [1, 4, 7, 10, 11, 12]
    assert upto == 13
    assert [each.info.tenant for each in commits][-2:] == ["b", "default"]
    assert max(read) == len(commits)


async def test_new_commits_of_categories_are_read_without_the_others(filled):
    """Those after a position, in all tenants."""
    await filled.log.append(commit("rare-1", 0, Scored(by=1), category="rare", tenant="b"))
    await filled.log.append(commit("note-9", 0, Scored(by=1), tenant="c"))
    await filled.log.append(commit("rare-1", 0, Scored(by=1), category="rare"))
    commits, upto = await filled.log.commits_of(["rare"], after=11)
    assert [(each.position, each.info.tenant) for each in commits] == [(13, "default")]
    assert upto == 13
    assert await filled.log.commits_of(["rare"], after=13) == ([], 13)
