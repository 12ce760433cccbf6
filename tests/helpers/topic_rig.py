"""A topic without a log: its messages are numbered, and its subscribers join, pause and resume."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from eventstore.place import Place
from subscriptions.live.broadcast import Broadcast
from subscriptions.live.messages import CaughtUp, CursorExpired, Lagged, StatusMessage
from subscriptions.live.ports import (
    BacklogPage,
    BacklogRead,
    Delivery,
    EndOfStream,
    LiveStats,
    SubscriberFilter,
)
from subscriptions.live.renderer import SharedRenderer
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Chunk
from subscriptions.live.subscriber import Subscriber
from subscriptions.live.topic import Topic


class Note(NamedTuple):
    """A message. `read` is the last erasure when it was read, `form` the form in which it is delivered."""

    place: Place
    read: int
    form: str = "note"


class Rendered(NamedTuple):
    """The result of rendering a message."""

    message: Note | StatusMessage


@dataclass
class NumberedLog:
    """The source of a topic: places in order, of which all up to `position` are published."""

    position: int = 0
    erasure: int = 0
    places: list[Place] = field(default_factory=list)
    open_filter: Callable[[], SubscriberFilter[Note]] | None = None
    page: int = 3
    closed: bool = False

    def backlog(self) -> NumberedBacklog:
        return NumberedBacklog(self)

    def close(self) -> None:
        self.closed = True

    def append(self, counts: Sequence[int]) -> list[Note]:
        """Return so many messages for each next position."""
        first = self.position + 1
        places = [Place(first + n, index) for n, count in enumerate(counts) for index in range(count)]
        self.places += places
        return [Note(place, self.erasure) for place in places]


class NumberedBacklog:
    """The backlog of one subscriber; the first read gives it a filter, if the log opens any."""

    def __init__(self, log: NumberedLog) -> None:
        self._log = log
        self._filter: SubscriberFilter[Note] | None = None
        self._was_read = False

    async def prepare(self, after: Place | None, *, caught_up: bool) -> None:
        await asyncio.sleep(0)
        if after is not None and after.position > self._log.position:
            raise EndOfStream(CursorExpired(Place(self._log.position)))

    def read(self, after: Place | None, upto: int, *, caught_up: bool) -> BacklogRead[Note]:
        restarts, self._was_read = not self._was_read, True
        if restarts and self._log.open_filter is not None:
            self._filter = self._log.open_filter()
        pages = self._pages(Place(upto) if after is None else after, upto)
        return BacklogRead(pages, restarts, self._filter)

    async def _pages(self, after: Place, upto: int) -> AsyncGenerator[BacklogPage[Note], None]:
        log = self._log
        while True:
            places = [place for place in log.places if after < place <= Place(upto)][: log.page]
            erasure = log.erasure
            await asyncio.sleep(0)
            if not places:
                return
            notes = [self._seen(Note(place, erasure)) for place in places]
            yield BacklogPage(notes, last=len(places) < log.page)
            after = places[-1]

    def _seen(self, note: Note) -> Note:
        """Return the note in its form. One to skip is returned too: it says how far the backlog is."""
        choice = Delivery.AS_IS if self._filter is None else self._filter.choose(note)
        return alternate_form(note) if choice is Delivery.ALTERNATE else note


class ThirdsFilter:
    """Delivers each third position in the alternate form, and skips each third one."""

    def choose(self, message: Note) -> Delivery:
        return (Delivery.AS_IS, Delivery.ALTERNATE, Delivery.SKIP)[message.place.position % 3]

    def ends_after(self, message: Note) -> bool:
        return False


def alternate_form(message: Note) -> Note:
    return message._replace(form="alternate")


class PromptRenderer:
    """Renders without waiting."""

    def render(self, message: Note | StatusMessage) -> Rendered | Awaitable[Rendered]:
        return Rendered(message)

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        return [{"message": str(error)}]


class SlowRenderer(PromptRenderer):
    """Renders the messages of odd positions later."""

    def render(self, message: Note | StatusMessage) -> Rendered | Awaitable[Rendered]:
        if isinstance(message, Note) and message.place.position % 2:
            return self._render_later(message)
        return Rendered(message)

    async def _render_later(self, message: Note) -> Rendered:
        for _ in range(3):
            await asyncio.sleep(0)
        return Rendered(message)


class RecordingSink:
    """Records results, and pauses its subscription after each chunk while `pausing`.

    It is `wrong` to deliver what was read before an erasure, or anything after the end of the stream.
    """

    def __init__(self, log: NumberedLog, topic: Topic[Note, Rendered], after: Place | None) -> None:
        self._log = log
        self.results: list[Note | StatusMessage] = []
        self.ended: Sequence[dict[str, Any]] | bool = False
        self.wrong = False
        self.pausing = False
        self.chunks: list[Chunk[Rendered]] = []
        self.after = after
        self.subscriber: Subscriber[Note, Rendered] = topic.join(self, after)

    def deliver(self, chunk: Chunk[Rendered]) -> None:
        self.wrong = self.wrong or bool(self.ended)
        self.chunks.append(chunk)
        for result in chunk.results:
            stale = isinstance(result.message, Note) and result.message.read != self._log.erasure
            self.wrong = self.wrong or stale
            self.results.append(result.message)
        if self.pausing:
            self.subscriber.pause()

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        self.ended = errors or True

    @property
    def notes(self) -> list[Note]:
        return [message for message in self.results if isinstance(message, Note)]

    @property
    def places(self) -> list[Place]:
        return [note.place for note in self.notes]

    @property
    def caught_up_at(self) -> Place:
        """The place of `CaughtUp`, which must have been delivered once."""
        [place] = [message.place for message in self.results if isinstance(message, CaughtUp)]
        return place

    @property
    def lagged_at(self) -> Place | None:
        """Where to resume, if `Lagged` was delivered, which must be the last message."""
        places = [message.resume_after for message in self.results if isinstance(message, Lagged)]
        assert not places or (isinstance(self.results[-1], Lagged) and self.ended is True)
        return places[0] if places else None


class TopicRig:
    """One topic, and the sinks of all its subscribers."""

    def __init__(
        self,
        renderer: PromptRenderer | None = None,
        limits: RingLimits | None = None,
        log: NumberedLog | None = None,
        *,
        max_lag: int = 1_000,
        max_pending: int = 1_000,
        condense: Callable[[Sequence[Note]], Sequence[Note]] | None = None,
    ) -> None:
        self.log = log or NumberedLog()
        self.stats = LiveStats()
        self.limits = limits or RingLimits()
        self.sinks: list[RecordingSink] = []
        shared: SharedRenderer[Note, Rendered] = SharedRenderer(
            renderer or PromptRenderer(),
            self.stats,
            lambda _result: 10,
            alternate_form=alternate_form,
            condense=condense,
        )
        broadcast = Broadcast(shared, self.log, self.limits, self.stats, max_lag=max_lag)
        self.topic: Topic[Note, Rendered] = Topic(
            broadcast, lambda _topic: self.log, lambda _topic: None, max_pending
        )

    def join(self, after: Place | None = None) -> RecordingSink:
        self.sinks.append(RecordingSink(self.log, self.topic, after))
        return self.sinks[-1]

    def publish(self, counts: Sequence[int]) -> None:
        """Publish so many messages for each next position, as a source does."""
        self.topic.publish(self.log.append(counts))
        self.log.position += len(counts)

    def erase(self) -> None:
        """Let an erasure become known."""
        self.log.erasure += 1

    async def settle(self) -> None:
        """Run all tasks until each of them has ended."""
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)
