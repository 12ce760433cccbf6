"""All who asked for the same: what happens is rendered once, and handed to each of them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Generic, TypeVar

from subscriptions.live.broadcast import FanOut
from subscriptions.live.messages import Place
from subscriptions.live.ports import Delivery, LiveStats, M, Renderer, TopicSource
from subscriptions.live.renderer import SharedRenderer
from subscriptions.live.ring import MessageRing, RingEntry, RingLimits
from subscriptions.live.sinks import Chunk, Sink
from subscriptions.live.subscriber import Subscriber

logger = logging.getLogger(__name__)

R = TypeVar("R")

INBOX = 10_000
"""Messages that may wait to be rendered; with more its subscribers have lagged, all of them."""


class Topic(Generic[M, R]):
    """The subscribers of one source, in one form.

    `condense` makes of what a subscriber missed what it is told when it goes on; `weigh` and `other` are as
    for its `rendering`.
    """

    def __init__(
        self,
        origin: TopicSource[M],
        renderer: Renderer[M, R],
        stats: LiveStats,
        limits: RingLimits,
        *,
        weigh: Callable[[R], int],
        other: Callable[[M], M | None] = lambda _message: None,
        condense: Callable[[Sequence[M]], Sequence[M]] | None = None,
    ) -> None:
        self.origin = origin
        self.stats = stats
        self.condense = condense
        self.rendering = SharedRenderer(renderer, stats, weigh, other)
        self._members: set[Subscriber[M, R]] = set()
        self._flowing: FanOut[R] = FanOut()
        self._choosing: dict[Subscriber[M, R], None] = {}
        self._cursors: dict[int, dict[Subscriber[M, R], None]] = {}
        self._ring: MessageRing[M, R] = MessageRing(limits)
        self._chunk = limits.chunk
        self._inbox: deque[M] = deque()
        self._drain: asyncio.Task[None] | None = None
        self._published: asyncio.Event | None = None
        self._erasure = origin.erasure
        self.told = 0
        self.owners = 0

    @property
    def given(self) -> int:
        """The number of the next message: those before it were told, or are being rendered."""
        return self.told + len(self._inbox)

    def join(self, sink: Sink[R], after: Place | None) -> Subscriber[M, R]:
        """A new subscriber, from `after` on or from now; the first it is told comes after this."""
        member = Subscriber(self, sink, after)
        self.stats.groups += not self._members
        self._members.add(member)
        self.stats.subscriptions += 1
        return member

    def leave(self, member: Subscriber[M, R]) -> None:
        """It is told nothing more."""
        self.stop_flow(member)
        self._flowing.leave(member)
        self.release(member)
        self._members.discard(member)
        self.stats.subscriptions -= 1
        if not self._members:
            self.stats.groups -= 1
            self._inbox = deque()
            self.origin.left()

    def tell(self, messages: Sequence[M]) -> None:
        """Tell these to all who have had what was before; the origin is at their position after this."""
        if not (self._flowing or self._choosing or self._cursors):
            # Nobody would hear it: who is still to come catches up.
            return
        self.check()
        if self._inbox:
            self._wait(messages)
            return
        try:
            self._tell_at_once(messages)
        except Exception as error:
            self._fail(error)

    def _tell_at_once(self, messages: Sequence[M]) -> None:
        entries, weight = list[RingEntry[M, R]](), 0
        for at, message in enumerate(messages):
            entry = self._entry(message)
            if not isinstance(entry, RingEntry):
                self._publish(entries)
                self._inbox.extend(messages[at:])
                self._drain = asyncio.create_task(self._drained(self._inbox, entry))
                return
            entries.append(entry)
            weight += entry.weight
            if weight >= self._chunk:
                # Who has enough with this pauses, and the rest does not wait in memory for it.
                self._publish(entries)
                entries, weight = [], 0
        self._publish(entries)

    def check(self) -> None:
        """Let go of what was rendered before an erasure: who has not had it reads it again."""
        if self._erasure != self.origin.erasure:
            self._erasure = self.origin.erasure
            self.rendering.forget()
            for member, place in self._let_go():
                member.rewind_to(place)

    def _let_go(self) -> list[tuple[Subscriber[M, R], Place]]:
        """Hold nothing any more; who has not had all that was given, and from where on."""
        stranded = list(self._stranded())
        self._ring.clear()
        self.told += len(self._inbox)
        self._inbox = deque()
        self._announce()
        return stranded

    def _stranded(self) -> Iterator[tuple[Subscriber[M, R], Place]]:
        for number, members in self._cursors.items():
            if number < self.told:
                place = self._ring.since(number)[0].message.place
            elif number < self.given:
                place = self._inbox[number - self.told].place
            else:
                continue
            yield from ((member, place.before()) for member in members)
        if self._inbox:
            place = self._inbox[0].place
            yield from ((member, place.before()) for member in (*self._flowing, *self._choosing))

    def hold(self, member: Subscriber[M, R], number: int) -> int:
        """Keep what follows from this number on for the member, as long as there is room."""
        self._cursors.setdefault(number, {})[member] = None
        return number

    def release(self, member: Subscriber[M, R]) -> None:
        """It needs nothing of the ring any more."""
        if member.cursor is not None:
            members = self._cursors[member.cursor]
            del members[member]
            if not members:
                del self._cursors[member.cursor]
            member.cursor = None
            if not self._cursors:
                self._ring.clear()

    def since(self, number: int) -> list[RingEntry[M, R]]:
        """What was told from this number on."""
        return self._ring.since(number) if number < self.told else []

    def flow(self, member: Subscriber[M, R]) -> None:
        """From now on it is told what the group is told, at once."""
        if member.own is None:
            self._flowing.add(member)
        else:
            self._choosing[member] = None

    def stop_flow(self, member: Subscriber[M, R]) -> bool:
        """The opposite; whether it flowed."""
        return self._flowing.remove(member) or self._choosing.pop(member, self) is None

    async def until(self, number: int) -> None:
        """Wait until more was told; at once where that is so of what is before this number."""
        if self.told < number:
            if self._published is None:
                self._published = asyncio.Event()
            await self._published.wait()

    def _entry(self, message: M) -> RingEntry[M, R] | Awaitable[RingEntry[M, R]]:
        return self.rendering.entry(message, both=self.owners > 0)

    def _wait(self, messages: Sequence[M]) -> None:
        """Tell these after what is in the inbox, unless that has more than it may."""
        self._inbox.extend(messages)
        if len(self._inbox) > INBOX:
            for member, place in self._let_go():
                member.on_lagged(place)

    async def _drained(self, inbox: deque[M], entry: Awaitable[RingEntry[M, R]] | RingEntry[M, R]) -> None:
        """Tell what is in the inbox, one after the other, as long as it is the group's."""
        try:
            while True:
                done = entry if isinstance(entry, RingEntry) else await entry
                self.check()
                if inbox is not self._inbox:
                    return
                inbox.popleft()
                self._publish([done])
                if not inbox:
                    return
                entry = self._entry(inbox[0])
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        logger.error("what subscribers were to be told could not be rendered", exc_info=error)
        for member in list(self._members):
            member.fail(error)

    def _publish(self, entries: Sequence[RingEntry[M, R]]) -> None:
        if not entries:
            return
        number, self.told = self.told, self.told + len(entries)
        self.rendering.forget()
        if self._cursors:
            self._keep(number, entries)
        if self._flowing:
            chunk = Chunk([entry.result for entry in entries])
            self.stats.deliveries += len(entries) * len(self._flowing)
            self._flowing.broadcast(chunk)
        chunks: dict[tuple[Delivery, ...], Chunk[R]] = {}
        for member in list(self._choosing):
            member.take(entries, chunks)
        self._announce()

    def _keep(self, number: int, entries: Sequence[RingEntry[M, R]]) -> None:
        self._ring.extend(number, entries)
        while self._ring.overfull:
            passed = self._cursors.pop(self._ring.start, ())
            place = self._ring.drop().message.place.before()
            for member in passed:
                member.on_evicted(place)
        if not self._cursors:
            self._ring.clear()

    def _announce(self) -> None:
        if self._published is not None:
            self._published.set()
            self._published = None
