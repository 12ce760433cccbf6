"""The hub of events on a real log: whoever comes and goes hears each event once and in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from domain.builtin.subjects.events import SubjectErased
from eventstore.personal.keys import owner_of
from eventstore.personal.sealing import MasterKeys
from eventstore.place import Place
from eventstore.reading.event_query import EventQuery
from subscriptions.live.event_hub import EventHub, EventMessage, EventStreamMessage
from subscriptions.live.messages import CaughtUp, CursorExpired, Lagged
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Chunk, Subscription
from tests import people
from tests.notes import Rig, Scored, Written, open_rig
from tests.people import PersonRegistered, PersonRenamed

DEADLINE = 60
QUERIES = [
    EventQuery(),
    EventQuery(types=["note.scored"]),
    EventQuery(streams=["note-1", "note-3"]),
    EventQuery(categories=["note"], types=["note.written"]),
    EventQuery(correlation="test", streams=["note-2"]),
]


class Shared:
    """Renders a message as itself; some of them later, as where a link is followed."""

    def __init__(self, later: bool) -> None:
        self._later = later

    def render(self, message: EventStreamMessage) -> EventStreamMessage | Awaitable[EventStreamMessage]:
        late = self._later and isinstance(message, EventMessage) and message.place.position % 3 == 0
        return self._wait(message) if late else message

    async def _wait(self, message: EventStreamMessage) -> EventStreamMessage:
        await asyncio.sleep(0)
        return message

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        return [{"message": str(error)}]


class Ear:
    """One subscriber that is told, and what it was told so far."""

    def __init__(self, hub: EventHub, number: int, after: Place | None, later: bool) -> None:
        self.query = QUERIES[number % len(QUERIES)]
        self.after = after
        self.heard: list[EventMessage] = []
        self.last: Place | None = None
        self.ended = False
        self._before: Callable[[], None] | None = None
        self.subscription: Subscription = hub.open(
            "default",
            self.query,
            after,
            self,
            key=(number % len(QUERIES), later),
            renderer=lambda: Shared(later),
            weigh=lambda _message: 100,
        )

    def deliver(self, chunk: Chunk[EventStreamMessage]) -> None:
        for message in chunk.results:
            match message:
                case EventMessage():
                    self.heard.append(message)
                case Lagged(place):
                    self.last = place
                case CaughtUp(place):
                    self.after = self.after or min([place, *(one.place.before() for one in self.heard)])
                case CursorExpired():
                    raise AssertionError("the log has all that was told")

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        assert not errors
        self.ended = True


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database) as rig, asyncio.timeout(DEADLINE):
        yield rig


async def write(rig: Rig, chance: random.Random, commits: int) -> None:
    for n in range(commits):
        events = [Written(text=str(n)), *(Scored(by=1) for _ in range(chance.randrange(3)))]
        await rig.append(f"note-{chance.randrange(5)}", *events)


async def meddle(hub: EventHub, chance: random.Random, ears: list[Ear], writing: asyncio.Task[None]) -> None:
    """Until all is written: some come, some wait, some go on, some go and come back where they were."""
    while not writing.done():
        await asyncio.sleep(0 if chance.random() < 0.7 else 0.003)
        ear = chance.choice(ears)
        match chance.randrange(4):
            case 0:
                ear.subscription.pause()
            case 1 | 2:
                ear.subscription.resume()
            case _ if ear.heard:
                place = chance.choice(ear.heard).place
                ears.append(Ear(hub, chance.randrange(20), place, chance.random() < 0.5))


@pytest.mark.parametrize("seed", range(3))
async def test_i10_whoever_comes_pauses_and_goes_on_hears_each_matching_event_once_and_in_order(
    rig: Rig, seed: int
) -> None:
    chance = random.Random(seed)
    limits = RingLimits(entries=chance.choice([1, 5, 100]), weight=chance.choice([100, 10_000]))
    hub = EventHub(rig.log, rig.feed, max_lag=chance.choice([20, 10_000]), limits=limits)
    await write(rig, chance, 5)
    ears = [Ear(hub, n, chance.choice([None, Place(0), Place(3, 0)]), n % 2 == 0) for n in range(20)]
    await meddle(hub, chance, ears, asyncio.create_task(write(rig, chance, 80)))
    end = await rig.log.head()
    for query in QUERIES:
        wanted = [Place(e.position, e.place) for e in await rig.log.search("default", query, limit=10_000)]
        for ear in (ear for ear in ears if ear.query is query):
            while not (ear.ended or await is_told(ear, wanted, hub, end)):
                ear.subscription.resume()
                await asyncio.sleep(0.002)
            start, last = ear.after, ear.last or Place(end)
            assert start is not None
            assert [one.place for one in ear.heard] == [one for one in wanted if start < one <= last]
    for ear in ears:
        ear.subscription.close()
    assert (hub.stats.subscriptions, hub.stats.groups, limits.used) == (0, 0, 0)
    while rig.feed.cursors:
        await asyncio.sleep(0)


async def is_told(ear: Ear, wanted: Sequence[Place], hub: EventHub, end: int) -> bool:
    """Whether there is nothing left to tell it."""
    start = ear.after
    due = wanted[-1] if wanted and start is not None and wanted[-1] > start else None
    begun = start is not None and hub.dispatcher.position >= end
    return begun and (due is None or bool(ear.heard and ear.heard[-1].place >= due))


async def test_after_an_erasure_nobody_is_told_what_was_read_before(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Neither who flows, nor who is behind in the ring, nor who is told the past."""

    class Witness(Ear):
        def deliver(self, chunk: Chunk[EventStreamMessage]) -> None:
            super().deliver(chunk)
            if rig.feed.erasure >= erased:
                told.extend(
                    one.event.data.get("name") for one in chunk.results if isinstance(one, EventMessage)
                )

    erased, told = 1 << 60, list[str | None]()
    async with AsyncExitStack() as stack:
        options: dict[str, Any] = {"view": people.view, "masters": MasterKeys(b"m" * 32)}
        rig = await stack.enter_async_context(open_rig(mongo_url, redis_url, database, **options))
        await stack.enter_async_context(asyncio.timeout(DEADLINE))
        await rig.append("person-1", PersonRegistered(city="Graz", name="plain"))
        hub = EventHub(rig.log, rig.feed)
        ears = [Witness(hub, 0, Place(0), later) for later in (False, True, False, True)]
        while not all(ear.heard for ear in ears):
            await asyncio.sleep(0.01)
        for ear in ears[:2]:
            ear.subscription.pause()
        for _ in range(10):
            await rig.append("person-1", PersonRenamed(name="plain"))
        receipt = await rig.append("subject-person-1", SubjectErased(subject="person-1"))
        await rig.log.keys.destroy([owner_of("default", "person-1")])
        while rig.feed.erasure < receipt.position:
            await asyncio.sleep(0)
        erased = receipt.position
        for ear in ears:
            ear.subscription.resume()
        late = Witness(hub, 0, Place(0), False)
        while not all(
            ear.heard[-1:] and ear.heard[-1].place.position == receipt.position for ear in [*ears, late]
        ):
            await asyncio.sleep(0.01)
    assert told
    assert set(told) == {None}
    assert [len(ear.heard) for ear in (*ears, late)] == [12] * 5
