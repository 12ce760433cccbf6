"""Event subscriptions: every event that was asked for, once and in order, over any number of cuts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from eventstore.place import Place
from eventstore.reading.event_query import EventQuery
from subscriptions.live.event_hub import EventHub, EventMessage, EventStreamMessage
from subscriptions.live.messages import CaughtUp, CursorExpired, Lagged
from subscriptions.live.ring import RingLimits
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Scored, Written

DEADLINE = 120
EVERYTHING = EventQuery()


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database) as rig:
        yield rig


async def write(rig: Rig, names: str) -> None:
    """Append a commit of three events for each name."""
    for name in names:
        await rig.append(f"note-{name}", Written(text=name), Scored(by=1), Scored(by=2))


async def receive(
    rig: Rig, count: int, after: Place | None = None, query: EventQuery = EVERYTHING, tenant: str = "default"
) -> list[EventStreamMessage]:
    """Return the first `count` messages of a subscription."""
    received: list[EventStreamMessage] = []
    async with (
        asyncio.timeout(DEADLINE),
        aclosing(rig.events.watch(tenant, query, after)) as messages,
    ):
        async for message in messages:
            received.append(message)
            if len(received) == count:
                break
    return received


def names(messages: list[EventStreamMessage]) -> list[tuple[int, int]]:
    return [(m.event.position, m.event.place) for m in messages if isinstance(m, EventMessage)]


ALL = [(position, place) for position in (1, 2, 3) for place in (0, 1, 2)]


async def test_i10_an_event_subscriber_that_is_cut_off_after_any_message_misses_and_repeats_nothing(
    rig: Rig,
) -> None:
    """Also in the middle of a commit."""
    await write(rig, "abc")
    whole = await receive(rig, 10, Place(0))
    assert names(whole) == ALL
    assert whole[-1] == CaughtUp(Place(3))
    for cut, message in enumerate(whole):
        assert isinstance(message, EventMessage | CaughtUp)
        rest = await receive(rig, len(whole) - 1 - cut or 1, message.place)
        assert names(rest) == ALL[cut + 1 :]


async def test_i10_resuming_on_another_server_after_every_single_message_while_events_come_in(
    mongo_url: str, redis_url: str, database: str
) -> None:
    async with (
        open_rig(mongo_url, redis_url, database) as one,
        open_rig(mongo_url, redis_url, database) as other,
    ):
        writing = asyncio.create_task(write(one, "abcdefgh"))
        place, found = Place(0), list[tuple[int, int]]()
        async with asyncio.timeout(DEADLINE):
            while len(found) < 24:
                (message,) = await receive(other if len(found) % 2 else one, 1, place)
                assert isinstance(message, EventMessage | CaughtUp)
                found += names([message])
                place = message.place
        await writing
    assert found == [(position, index) for position in range(1, 9) for index in range(3)]


async def test_a_stream_from_the_beginning_has_each_event_once_while_others_are_stored(rig: Rig) -> None:
    """An event that is stored while the backlog is read is delivered live, and not with the backlog too."""
    streams = []
    for name in "abcdefghijklmnopqrst":
        streams += [asyncio.create_task(receive(rig, 61, Place(0))) for _ in range(3)]
        await write(rig, name)
    for messages in await asyncio.gather(*streams):
        assert names(messages) == [(position, index) for position in range(1, 21) for index in range(3)]


async def test_a_place_beyond_the_log_has_expired(rig: Rig) -> None:
    """As after a restored backup: the only message says where the log ends."""
    await write(rig, "a")
    assert await receive(rig, 2, Place(2, 0)) == [CursorExpired(Place(1))]
    assert await receive(rig, 1, Place(1)) == [CaughtUp(Place(1))]


async def test_without_a_place_a_stream_begins_with_the_next_event(rig: Rig) -> None:
    await write(rig, "ab")
    async with (
        asyncio.timeout(DEADLINE),
        aclosing(rig.events.watch("default", EVERYTHING, None)) as messages,
    ):
        assert await anext(messages) == CaughtUp(Place(2))
        await write(rig, "c")
        assert names([await anext(messages) for _ in range(3)]) == [(3, 0), (3, 1), (3, 2)]


async def test_an_empty_log_is_caught_up_with_at_once(rig: Rig) -> None:
    assert await receive(rig, 1) == [CaughtUp(Place(0))]
    assert await receive(rig, 1, Place(0)) == [CaughtUp(Place(0))]


async def test_history_and_live_stream_agree_on_what_meets_a_query(rig: Rig) -> None:
    """Each clause counts, alone and with the others."""
    first = await rig.append("note-a", Written(text="a"), Scored(by=1))
    middle = (await rig.commits())[0].info
    assert middle is not None
    later = {"until": middle.at}, {"since": middle.at}
    clauses: list[dict[str, Any]] = [
        {},
        {"streams": ["note-a"]},
        {"streams": []},
        {"categories": ["note"]},
        {"categories": ["task"]},
        {"types": ["note.scored"]},
        {"types": []},
        {"correlation": "test"},
        {"correlation": "other"},
        *later,
        {"streams": ["note-b"], "types": ["note.written"], "correlation": "test", "categories": ["note"]},
    ]
    for clause in clauses:
        query = EventQuery(**clause)
        live = rig.events.watch("default", query)
        async with asyncio.timeout(DEADLINE), aclosing(live):
            start = await rig.log.head()
            assert isinstance(await anext(live), CaughtUp)
            await write(rig, "bad"[: len(rig.versions) % 3 + 1])
            await rig.append("note-end", Written(text="end"))
            wanted = await rig.log.search("default", query, start)
            received = [await anext(live) for _ in wanted]
        assert [m.event for m in received if isinstance(m, EventMessage)] == wanted
        again = await receive(rig, len(wanted) + 1, Place(start), query)
        assert [m.event for m in again if isinstance(m, EventMessage)] == wanted
    assert first.position == 1


async def test_a_tenant_receives_nothing_of_another(rig: Rig) -> None:
    await rig.append("note-a", Written(text="a"), tenant="one")
    receiving = asyncio.create_task(receive(rig, 4, Place(0), tenant="two"))
    await rig.append("note-a", Written(text="a"), tenant="two")
    async with asyncio.timeout(DEADLINE):
        while not rig.feed.cursors:
            await asyncio.sleep(0)
    await rig.append("note-a", Scored(by=1), tenant="one")
    await rig.append("note-a", Scored(by=1), Scored(by=2), tenant="two")
    messages = [m.event.commit.tenant for m in await receiving if isinstance(m, EventMessage)]
    assert messages == ["two"] * 3


async def test_a_subscriber_that_falls_too_far_behind_can_resume_where_lagged_says(rig: Rig) -> None:
    hub = EventHub(rig.log, rig.feed, max_lag=5, limits=RingLimits(entries=2))
    slow = hub.watch("default", EventQuery())
    async with asyncio.timeout(DEADLINE), aclosing(slow):
        found: list[EventStreamMessage] = [await anext(slow)]
        await write(rig, "a")
        found.append(await anext(slow))
        await write(rig, "bcdefghij")
        while hub.dispatcher.position < 10:
            await asyncio.sleep(0)
        found += [message async for message in slow]
    assert isinstance(found[-1], Lagged)
    resumed = await receive(rig, 31 - len(names(found)), found[-1].resume_after)
    assert names(found) + names(resumed) == [(p, i) for p in range(1, 11) for i in range(3)]
    assert hub.stats.lagged == 1
