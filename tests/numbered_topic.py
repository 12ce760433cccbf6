"""A hub without a log: numbered messages, told to groups whose subscribers come, pause and go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from subscriptions.live.messages import CaughtUp, CursorExpired, Lagged, Place, StatusMessage
from subscriptions.live.ports import BacklogPage, Delivery, EndOfStream, LiveStats
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Chunk
from subscriptions.live.subscriber import Subscriber
from subscriptions.live.topic import Topic


class Note(NamedTuple):
    """A message; `read` is the last erasure when it was read, `form` how it is seen."""

    place: Place
    read: int
    form: str = "note"


class Rendered(NamedTuple):
    """What a message became."""

    message: Note | StatusMessage


@dataclass
class Past:
    """The log as an origin: places in order, of which all up to `position` have been told."""

    max_lag: int = 1_000
    position: int = 0
    erasure: int = 0
    places: list[Place] = field(default_factory=list)
    own: Callable[[], Any] | None = None
    page: int = 3
    gone: bool = False

    async def ready(self, member: Subscriber[Note, Rendered]) -> None:
        await asyncio.sleep(0)
        if member.place is not None and member.place.position > self.position:
            raise EndOfStream(CursorExpired(Place(self.position)))

    async def catch_up(
        self, member: Subscriber[Note, Rendered], upto: int
    ) -> AsyncGenerator[BacklogPage[Note], None]:
        own = None if self.own is None else self.own()
        member.own = own
        after = Place(upto) if member.place is None else member.place
        while True:
            found = [place for place in self.places if after < place <= Place(upto)][: self.page]
            erasure = self.erasure
            await asyncio.sleep(0)
            if not found:
                return
            yield BacklogPage(
                seen(own, [Note(place, erasure) for place in found]), last=len(found) < self.page
            )
            after = found[-1]

    def left(self) -> None:
        self.gone = True

    def happen(self, counts: Sequence[int]) -> list[Note]:
        """For each next position so many messages."""
        first = self.position + 1
        places = [Place(first + n, index) for n, count in enumerate(counts) for index in range(count)]
        self.places += places
        return [Note(place, self.erasure) for place in places]


class Odd:
    """Sees each third message in another form, and each third not at all."""

    def choose(self, message: Note) -> Delivery:
        return (Delivery.AS_IS, Delivery.ALTERNATE, Delivery.SKIP)[message.place.position % 3]


def other(message: Note) -> Note:
    return message._replace(form="other")


def seen(own: Any, notes: Sequence[Note]) -> list[Note]:
    """What one who sees so sees of these, but for the last, which says how far it is."""
    choices = [(note, Delivery.AS_IS if own is None else own.choose(note)) for note in notes]
    return [other(note) if choice is Delivery.ALTERNATE else note for note, choice in choices]


class AtOnce:
    """Renders without waiting."""

    def render(self, message: Note | StatusMessage) -> Rendered | Awaitable[Rendered]:
        return Rendered(message)

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        return [{"message": str(error)}]


class Later(AtOnce):
    """Renders some messages later than others; where that goes wrong, so does the stream."""

    def render(self, message: Note | StatusMessage) -> Rendered | Awaitable[Rendered]:
        return (
            self._later(message)
            if isinstance(message, Note) and message.place.position % 2
            else Rendered(message)
        )

    async def _later(self, message: Note | StatusMessage) -> Rendered:
        for _ in range(3):
            await asyncio.sleep(0)
        return Rendered(message)


class Reader:
    """A sink that pauses by itself where it is told to.

    It is `wrong` to hand it what was read before an erasure, or anything when its stream has ended.
    """

    def __init__(self, past: Past) -> None:
        self._past = past
        self.results: list[Note | StatusMessage] = []
        self.ended: Sequence[dict[str, Any]] | bool = False
        self.wrong = False
        self.pausing = False
        self.chunks: list[Chunk[Rendered]] = []
        self.member: Subscriber[Note, Rendered] | None = None

    def deliver(self, chunk: Chunk[Rendered]) -> None:
        self.wrong = self.wrong or bool(self.ended)
        self.chunks.append(chunk)
        for told in chunk.results:
            stale = isinstance(told.message, Note) and told.message.read != self._past.erasure
            self.wrong = self.wrong or stale
            self.results.append(told.message)
        if self.pausing and self.member is not None:
            self.member.pause()

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        self.ended = errors or True

    @property
    def notes(self) -> list[Note]:
        return [message for message in self.results if isinstance(message, Note)]

    @property
    def places(self) -> list[Place]:
        return [note.place for note in self.notes]

    @property
    def began(self) -> Place:
        """Where it was said to have caught up, which is said once."""
        [place] = [message.place for message in self.results if isinstance(message, CaughtUp)]
        return place

    @property
    def lagged(self) -> Place | None:
        """Where to resume, where it was said to have lagged, which is last then."""
        found = [message.resume_after for message in self.results if isinstance(message, Lagged)]
        assert not found or (isinstance(self.results[-1], Lagged) and self.ended is True)
        return found[0] if found else None


class Hub:
    """One group, and all who ever joined it."""

    def __init__(self, renderer: AtOnce, limits: RingLimits, past: Past, **options: Any) -> None:
        self.past = past
        self.stats = LiveStats()
        self.limits = limits
        self.readers: list[tuple[Reader, Place | None]] = []
        self.group: Topic[Note, Rendered] = Topic(
            past, renderer, self.stats, limits, weigh=lambda _told: 10, other=other, **options
        )

    def join(self, after: Place | None) -> Reader:
        reader = Reader(self.past)
        reader.member = self.group.join(reader, after)
        self.readers.append((reader, after))
        return reader

    def tell(self, counts: Sequence[int]) -> None:
        """What a dispatcher does with what has happened."""
        notes = self.past.happen(counts)
        self.group.tell(notes)
        self.past.position += len(counts)

    def erase(self) -> None:
        """An erasure is met; who dispatches lets the group know."""
        self.past.erasure += 1

    async def settle(self) -> None:
        """Go on until nothing moves any more."""
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)
