"""Nobody is told personal data after an erasure, however long ago it was read for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from domain.builtin.subjects.events import SubjectErased
from eventstore.personal.sealing import MasterKeys
from eventstore.personal.subject_keys import owner_of
from eventstore.place import Place
from eventstore.reading.event_query import EventQuery
from projections.live.messages import RowChange, Snapshot
from subscriptions.feed.tail import Tail
from subscriptions.live.event_hub import EventMessage
from subscriptions.live.messages import CaughtUp, CursorExpired
from tests.helpers import people
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.people import PersonRegistered, PersonRenamed
from tests.helpers.row_scopes import ALL_ROWS

DEADLINE = 120
SOON = 15
EVERYTHING = EventQuery(categories=["person"])


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    masters = MasterKeys(b"m" * 32)
    async with (
        open_rig(mongo_url, redis_url, database, work=True, view=people.view, masters=masters) as rig,
        asyncio.timeout(DEADLINE),
    ):
        yield rig


async def erase(rig: Rig, *tails: Tail[Any]) -> int:
    """Erase person-1; the position, once each of the tails has met it."""
    receipt = await rig.append("subject-person-1", SubjectErased(subject="person-1"))
    await rig.log.keys.destroy([owner_of("default", "person-1")])
    while any(tail.erasure < receipt.position for tail in tails):
        await asyncio.sleep(0.01)
    return receipt.position


async def rename(rig: Rig) -> None:
    """In one commit, so that it is handed out at once."""
    events = [PersonRenamed(name=f"plain {number}") for number in range(4)]
    await rig.append("person-1", PersonRegistered(city="Graz", name="plain"), *events)


async def test_a_slow_subscriber_of_events_gets_null_for_what_was_read_for_it_before(rig: Rig) -> None:
    async with aclosing(rig.events.watch("default", EVERYTHING, Place(0))) as told:
        assert isinstance(await anext(told), CaughtUp)
        await rename(rig)
        first = await anext(told)
        await erase(rig, rig.feed)
        others = [await anext(told) for _ in range(4)]
    events = [one.event for one in (first, *others) if isinstance(one, EventMessage)]
    assert [event.data["name"] for event in events] == ["plain", None, None, None, None]
    assert [event.version for event in events] == [1, 2, 3, 4, 5]


async def test_so_does_a_slow_subscriber_that_is_still_told_the_past(rig: Rig) -> None:
    await rename(rig)
    async with (
        aclosing(rig.feed.follow(0)) as running,
        aclosing(rig.events.watch("default", EVERYTHING, Place(0))) as told,
    ):
        await anext(running)
        first = await anext(told)
        await erase(rig, rig.feed)
        others = [await anext(told) for _ in range(4)]
    events = [one.event for one in (first, *others) if isinstance(one, EventMessage)]
    assert [event.data["name"] for event in events] == ["plain", None, None, None, None]


async def test_the_ring_forgets_what_is_older_than_an_erasure(rig: Rig) -> None:
    async with aclosing(rig.feed.follow(0)) as running, aclosing(rig.changes.follow(0)) as changing:
        await anext(running)
        await anext(changing)
        await rename(rig)
        await rig.projected()
        position = await erase(rig, rig.feed, rig.changes)
        async with aclosing(rig.feed.follow(0)) as late, aclosing(rig.changes.follow(0)) as later:
            batch, rows = await anext(late), await anext(later)
    names = [event.data.get("name") for commit in batch.items for event in commit.events]
    assert names == [None] * 6
    assert [(row["name"], row["_position"]) for row in rows.items] == [(None, position)]


async def test_a_slow_subscriber_of_a_view_is_told_each_row_as_it_is_by_now(rig: Rig) -> None:
    """Rows of two people are handed out at once; while the first is told, the other is erased."""
    async with aclosing(rig.live.watch_rows(ALL_ROWS)) as told:
        for _ in range(2):
            await anext(told)
        await rig.append("person-2", PersonRegistered(city="Linz", name="stays"))
        await rename(rig)
        first = await anext(told)
        await rig.projected()
        position = await erase(rig, rig.changes)
        second = await anext(told)
    assert isinstance(first, RowChange)
    assert isinstance(second, RowChange)
    assert first.id == "person-2"
    assert second.id == "person-1"
    assert second.row is not None
    assert (second.row["name"], second.place.position) == (None, position)


async def test_a_snapshot_that_an_erasure_replaces_follows_an_expired_place_again(rig: Rig) -> None:
    await rename(rig)
    await rig.projected()
    messages = rig.live.watch_rows(ALL_ROWS, after=Place(10_000))
    async with aclosing(messages), asyncio.timeout(SOON):
        assert isinstance(await anext(messages), CursorExpired)
        position = await erase(rig, rig.changes)
        repeated, snapshot, caught_up = [await anext(messages) for _ in range(3)]
    assert repeated == CursorExpired(Place(10_000))
    assert isinstance(snapshot, Snapshot)
    assert [(row["id"], row["name"]) for row in snapshot.rows] == [("person-1", None)]
    assert snapshot.place.position >= position
    assert isinstance(caught_up, CaughtUp)
