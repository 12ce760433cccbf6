"""The event hub on a real log: a subscriber that comes and goes receives each event once and in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from domain.builtin.subjects.events import SubjectErased
from eventstore.personal.sealing import MasterKeys
from eventstore.personal.subject_keys import owner_of
from eventstore.place import Place
from eventstore.reading.event_query import EventQuery
from subscriptions.live.event_hub import EventHub, EventMessage, EventStreamMessage
from subscriptions.live.messages import CaughtUp, CursorExpired, Lagged
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Chunk, Subscription
from tests.helpers import people
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Scored, Written
from tests.helpers.people import PersonRegistered, PersonRenamed

DEADLINE = 60
MAX_SUBSCRIBERS = 100
"""More would come the slower the writes are."""

QUERIES = [
    EventQuery(),
    EventQuery(types=["note.scored"]),
    EventQuery(streams=["note-1", "note-3"]),
    EventQuery(categories=["note"], types=["note.written"]),
    EventQuery(correlation="test", streams=["note-2"]),
]


class MixedRenderer:
    """Leaves messages as they are; some results come later, as if a link were followed."""

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


class EventClient:
    """A subscriber, and the messages that it has received so far."""

    def __init__(self, hub: EventHub, number: int, after: Place | None, later: bool) -> None:
        self.query = QUERIES[number % len(QUERIES)]
        self.after = after
        self.received: list[EventMessage] = []
        self.last: Place | None = None
        self.ended = False
        self._before: Callable[[], None] | None = None
        self.subscription: Subscription = hub.open(
            "default",
            self.query,
            after,
            self,
            key=(number % len(QUERIES), later),
            renderer=lambda: MixedRenderer(later),
            weigh=lambda _message: 100,
        )

    def deliver(self, chunk: Chunk[EventStreamMessage]) -> None:
        for message in chunk.results:
            match message:
                case EventMessage():
                    self.received.append(message)
                case Lagged(place):
                    self.last = place
                case CaughtUp(place):
                    self.after = self.after or min(
                        [place, *(message.place.before() for message in self.received)]
                    )
                case CursorExpired():
                    raise AssertionError("no position is beyond the log")

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        assert not errors
        self.ended = True


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database) as rig, asyncio.timeout(DEADLINE):
        yield rig


async def write(rig: Rig, dice: random.Random, commits: int) -> None:
    for n in range(commits):
        events = [Written(text=str(n)), *(Scored(by=1) for _ in range(dice.randrange(3)))]
        await rig.append(f"note-{dice.randrange(5)}", *events)


async def disturb(
    hub: EventHub, dice: random.Random, subscribers: list[EventClient], writing: asyncio.Task[None]
) -> None:
    """Let subscribers join, pause, resume, leave and come back, until everything is written."""
    while not writing.done():
        await asyncio.sleep(0 if dice.random() < 0.7 else 0.003)
        subscriber = dice.choice(subscribers)
        match dice.randrange(4):
            case 0:
                subscriber.subscription.pause()
            case 1 | 2:
                subscriber.subscription.resume()
            case _ if subscriber.received and len(subscribers) < MAX_SUBSCRIBERS:
                place = dice.choice(subscriber.received).place
                subscribers.append(EventClient(hub, dice.randrange(20), place, dice.random() < 0.5))


@pytest.mark.parametrize("seed", range(3))
async def test_i10_a_subscriber_that_joins_pauses_and_resumes_has_each_matching_event_once_and_in_order(
    rig: Rig, seed: int
) -> None:
    dice = random.Random(seed)
    limits = RingLimits(entries=dice.choice([1, 5, 100]), weight=dice.choice([100, 10_000]))
    hub = EventHub(rig.log, rig.feed, max_lag=dice.choice([20, 10_000]), limits=limits)
    await write(rig, dice, 5)
    subscribers = [
        EventClient(hub, n, dice.choice([None, Place(0), Place(3, 0)]), n % 2 == 0) for n in range(20)
    ]
    await disturb(hub, dice, subscribers, asyncio.create_task(write(rig, dice, 80)))
    end = await rig.log.head()
    for query in QUERIES:
        expected = [Place(e.position, e.place) for e in await rig.log.search("default", query, limit=10_000)]
        for subscriber in (subscriber for subscriber in subscribers if subscriber.query is query):
            while not (subscriber.ended or await is_complete(subscriber, expected, hub, end)):
                subscriber.subscription.resume()
                await asyncio.sleep(0.002)
            start, last = subscriber.after, subscriber.last or Place(end)
            assert start is not None
            assert [message.place for message in subscriber.received] == [
                place for place in expected if start < place <= last
            ]
    for subscriber in subscribers:
        subscriber.subscription.close()
    assert (hub.stats.subscriptions, hub.stats.groups, limits.used) == (0, 0, 0)
    while rig.feed.cursors:
        await asyncio.sleep(0)


async def is_complete(subscriber: EventClient, expected: Sequence[Place], hub: EventHub, end: int) -> bool:
    """Return whether everything is delivered."""
    start = subscriber.after
    due = expected[-1] if expected and start is not None and expected[-1] > start else None
    begun = start is not None and hub.dispatcher.position >= end
    return begun and (due is None or bool(subscriber.received and subscriber.received[-1].place >= due))


async def test_after_an_erasure_nothing_is_delivered_that_was_read_before(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Neither to a subscriber that is up to date, nor from the ring, nor from a backlog."""

    class Witness(EventClient):
        def deliver(self, chunk: Chunk[EventStreamMessage]) -> None:
            super().deliver(chunk)
            if rig.feed.erasure >= erased:
                texts.extend(
                    one.event.data.get("name") for one in chunk.results if isinstance(one, EventMessage)
                )

    erased, texts = 1 << 60, list[str | None]()
    async with AsyncExitStack() as stack:
        options: dict[str, Any] = {"view": people.view, "masters": MasterKeys(b"m" * 32)}
        rig = await stack.enter_async_context(open_rig(mongo_url, redis_url, database, **options))
        await stack.enter_async_context(asyncio.timeout(DEADLINE))
        await rig.append("person-1", PersonRegistered(city="Graz", name="plain"))
        hub = EventHub(rig.log, rig.feed)
        subscribers = [Witness(hub, 0, Place(0), later) for later in (False, True, False, True)]
        while not all(subscriber.received for subscriber in subscribers):
            await asyncio.sleep(0.01)
        for subscriber in subscribers[:2]:
            subscriber.subscription.pause()
        for _ in range(10):
            await rig.append("person-1", PersonRenamed(name="plain"))
        receipt = await rig.append("subject-person-1", SubjectErased(subject="person-1"))
        await rig.log.keys.destroy([owner_of("default", "person-1")])
        while rig.feed.erasure < receipt.position:
            await asyncio.sleep(0)
        erased = receipt.position
        for subscriber in subscribers:
            subscriber.subscription.resume()
        late = Witness(hub, 0, Place(0), False)
        while not all(
            subscriber.received[-1:] and subscriber.received[-1].place.position == receipt.position
            for subscriber in [*subscribers, late]
        ):
            await asyncio.sleep(0.01)
    assert texts
    assert set(texts) == {None}
    assert [len(subscriber.received) for subscriber in (*subscribers, late)] == [12] * 5
