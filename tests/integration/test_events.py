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
from tests.notes import Rig, Scored, Written, open_rig

pytestmark = pytest.mark.usefixtures("driver")

DEADLINE = 20
EVERYTHING = EventQuery()


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database) as rig:
        yield rig


async def write(rig: Rig, names: str) -> None:
    """For each name a commit of three events."""
    for name in names:
        await rig.append(f"note-{name}", Written(text=name), Scored(by=1), Scored(by=2))


async def hear(
    rig: Rig, count: int, after: Place | None = None, query: EventQuery = EVERYTHING, tenant: str = "default"
) -> list[EventStreamMessage]:
    """The first `count` messages of a subscription."""
    found: list[EventStreamMessage] = []
    async with (
        asyncio.timeout(DEADLINE),
        aclosing(rig.events.watch(tenant, query, after)) as told,
    ):
        async for message in told:
            found.append(message)
            if len(found) == count:
                break
    return found


def names(messages: list[EventStreamMessage]) -> list[tuple[int, int]]:
    return [(m.event.position, m.event.place) for m in messages if isinstance(m, EventMessage)]


ALL = [(position, place) for position in (1, 2, 3) for place in (0, 1, 2)]


async def test_i10_an_event_subscriber_that_is_cut_off_after_any_message_misses_and_repeats_nothing(
    rig: Rig,
) -> None:
    """Also in the middle of a commit."""
    await write(rig, "abc")
    whole = await hear(rig, 10, Place(0))
    assert names(whole) == ALL
    assert whole[-1] == CaughtUp(Place(3))
    for cut, message in enumerate(whole):
        assert isinstance(message, EventMessage | CaughtUp)
        rest = await hear(rig, len(whole) - 1 - cut or 1, message.place)
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
                (message,) = await hear(other if len(found) % 2 else one, 1, place)
                assert isinstance(message, EventMessage | CaughtUp)
                found += names([message])
                place = message.place
        await writing
    assert found == [(position, index) for position in range(1, 9) for index in range(3)]


async def test_subscribing_from_the_beginning_while_events_come_in_tells_each_once(rig: Rig) -> None:
    """What is stored while the history is read is told as news, and not as history too."""
    heard = []
    for name in "abcdefghijklmnopqrst":
        heard += [asyncio.create_task(hear(rig, 61, Place(0))) for _ in range(3)]
        await write(rig, name)
    for told in await asyncio.gather(*heard):
        assert names(told) == [(position, index) for position in range(1, 21) for index in range(3)]


async def test_a_place_beyond_what_there_is_has_expired(rig: Rig) -> None:
    """As after a restored backup: what is told is where the log ends, and that is all."""
    await write(rig, "a")
    assert await hear(rig, 2, Place(2, 0)) == [CursorExpired(Place(1))]
    assert await hear(rig, 1, Place(1)) == [CaughtUp(Place(1))]


async def test_without_a_place_a_subscriber_hears_what_comes_next(rig: Rig) -> None:
    await write(rig, "ab")
    async with (
        asyncio.timeout(DEADLINE),
        aclosing(rig.events.watch("default", EVERYTHING, None)) as messages,
    ):
        assert await anext(messages) == CaughtUp(Place(2))
        await write(rig, "c")
        assert names([await anext(messages) for _ in range(3)]) == [(3, 0), (3, 1), (3, 2)]


async def test_an_empty_log_is_caught_up_with_at_once(rig: Rig) -> None:
    assert await hear(rig, 1) == [CaughtUp(Place(0))]
    assert await hear(rig, 1, Place(0)) == [CaughtUp(Place(0))]


async def test_history_and_live_agree_on_what_a_query_asks_for(rig: Rig) -> None:
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
            heard = [await anext(live) for _ in wanted]
        assert [m.event for m in heard if isinstance(m, EventMessage)] == wanted
        again = await hear(rig, len(wanted) + 1, Place(start), query)
        assert [m.event for m in again if isinstance(m, EventMessage)] == wanted
    assert first.position == 1


async def test_a_tenant_hears_nothing_of_another(rig: Rig) -> None:
    await rig.append("note-a", Written(text="a"), tenant="one")
    hearing = asyncio.create_task(hear(rig, 4, Place(0), tenant="two"))
    await rig.append("note-a", Written(text="a"), tenant="two")
    async with asyncio.timeout(DEADLINE):
        while not rig.feed.cursors:
            await asyncio.sleep(0)
    await rig.append("note-a", Scored(by=1), tenant="one")
    await rig.append("note-a", Scored(by=1), Scored(by=2), tenant="two")
    told = [m.event.commit.tenant for m in await hearing if isinstance(m, EventMessage)]
    assert told == ["two"] * 3


async def test_who_falls_too_far_behind_is_told_where_to_resume_and_can(rig: Rig) -> None:
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
    resumed = await hear(rig, 31 - len(names(found)), found[-1].resume_after)
    assert names(found) + names(resumed) == [(p, i) for p in range(1, 11) for i in range(3)]
    assert hub.stats.lagged == 1
