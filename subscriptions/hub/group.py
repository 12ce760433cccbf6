"""All who asked for the same: what happens is rendered once, and handed to each of them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from types import CoroutineType
from typing import Any, Generic, TypeGuard, TypeVar

from subscriptions.hub.flow import Flow
from subscriptions.hub.member import Member
from subscriptions.hub.origins import Choice, M, Origin, Tally, Telling
from subscriptions.hub.ring import Entry, Ring, RingLimits
from subscriptions.hub.sinks import Chunk, Sink
from subscriptions.messages import CaughtUp, Common, Place

logger = logging.getLogger(__name__)

R = TypeVar("R")

INBOX = 10_000
"""Messages that may wait to be rendered; with more its subscribers have lagged, all of them."""

SHARED = 4
"""Renderings that are kept, until more is told, for who joins next."""


class Group(Generic[M, R]):
    """The subscribers of one source, in one form.

    `other` is a message as those with an own view of it are told it, None where there is no such form.
    `condense` makes of what a subscriber missed what it is told when it goes on. `weigh` tells the bytes of a
    result.
    """

    def __init__(
        self,
        origin: Origin[M],
        telling: Telling[M, R],
        tally: Tally,
        limits: RingLimits,
        *,
        weigh: Callable[[R], int],
        other: Callable[[M], M | None] = lambda _message: None,
        condense: Callable[[Sequence[M]], Sequence[M]] | None = None,
    ) -> None:
        self.origin = origin
        self.tally = tally
        self.condense = condense
        self._other = other
        self._telling = telling
        self._weigh = weigh
        self._members: set[Member[M, R]] = set()
        self._flowing: Flow[R] = Flow()
        self._choosing: dict[Member[M, R], None] = {}
        self._cursors: dict[int, dict[Member[M, R], None]] = {}
        self._ring: Ring[M, R] = Ring(limits)
        self._inbox: deque[M] = deque()
        self._drain: asyncio.Task[None] | None = None
        self._published: asyncio.Event | None = None
        self._shared: deque[tuple[object, R | asyncio.Future[R]]] = deque(maxlen=SHARED)
        self._erasure = origin.erasure
        self.told = 0
        self.owners = 0

    @property
    def given(self) -> int:
        """The number of the next message: those before it were told, or are being rendered."""
        return self.told + len(self._inbox)

    def join(self, sink: Sink[R], after: Place | None) -> Member[M, R]:
        """A new subscriber, from `after` on or from now; the first it is told comes after this."""
        member = Member(self, sink, after)
        self.tally.groups += not self._members
        self._members.add(member)
        self.tally.subscriptions += 1
        return member

    def leave(self, member: Member[M, R]) -> None:
        """It is told nothing more."""
        self.stop_flow(member)
        self._flowing.leave(member)
        self.release(member)
        self._members.discard(member)
        self.tally.subscriptions -= 1
        if not self._members:
            self.tally.groups -= 1
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
        entries: list[Entry[M, R]] = []
        for at, message in enumerate(messages):
            entry = self._entry(message)
            if not isinstance(entry, Entry):
                self._publish(entries)
                self._inbox.extend(messages[at:])
                self._drain = asyncio.create_task(self._drained(self._inbox, entry))
                return
            entries.append(entry)
        self._publish(entries)

    def check(self) -> None:
        """Let go of what was rendered before an erasure: who has not had it reads it again."""
        if self._erasure != self.origin.erasure:
            self._erasure = self.origin.erasure
            self._shared.clear()
            for member, place in self._let_go():
                member.strand(place)

    def _let_go(self) -> list[tuple[Member[M, R], Place]]:
        """Hold nothing any more; who has not had all that was given, and from where on."""
        stranded = list(self._stranded())
        self._ring.clear()
        self.told += len(self._inbox)
        self._inbox = deque()
        self._announce()
        return stranded

    def _stranded(self) -> Iterator[tuple[Member[M, R], Place]]:
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

    def hold(self, member: Member[M, R], number: int) -> int:
        """Keep what follows from this number on for the member, as long as there is room."""
        self._cursors.setdefault(number, {})[member] = None
        return number

    def release(self, member: Member[M, R]) -> None:
        """It needs nothing of the ring any more."""
        if member.cursor is not None:
            members = self._cursors[member.cursor]
            del members[member]
            if not members:
                del self._cursors[member.cursor]
            member.cursor = None
            if not self._cursors:
                self._ring.clear()

    def since(self, number: int) -> list[Entry[M, R]]:
        """What was told from this number on."""
        return self._ring.since(number) if number < self.told else []

    def flow(self, member: Member[M, R]) -> None:
        """From now on it is told what the group is told, at once."""
        if member.own is None:
            self._flowing.add(member)
        else:
            self._choosing[member] = None

    def stop_flow(self, member: Member[M, R]) -> bool:
        """The opposite; whether it flowed."""
        return self._flowing.remove(member) or self._choosing.pop(member, self) is None

    async def render(self, message: M | Common) -> R:
        """What one subscriber, or some, are told alone; the latest is rendered once for all who need it."""
        for known, rendered in self._shared:
            if known is message:
                return await asyncio.shield(rendered) if isinstance(rendered, asyncio.Future) else rendered
        self.tally.executions += 1
        result: Any = self._telling.render(message)
        if not _is_coroutine(result):
            self._shared.append((message, result))
            return result  # type: ignore[no-any-return]
        running: asyncio.Future[R] = asyncio.ensure_future(result)
        self._shared.append((message, running))
        return await asyncio.shield(running)

    def caught_up(self, position: int) -> CaughtUp:
        """The message, the same for all who are told it at this position."""
        for known, _ in self._shared:
            if isinstance(known, CaughtUp) and known.place.position == position:
                return known
        return CaughtUp(Place(position))

    async def other(self, entry: Entry[M, R]) -> R | None:
        """The entry in its other form, for one that began to see it so after it was rendered."""
        message = self._other(entry.message) if entry.other is None else None
        return entry.other if message is None else await self.render(message)

    def other_message(self, message: M) -> M:
        """The message in its other form."""
        return self._other(message) or message

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        """The errors with which streams end because of this."""
        return self._telling.failed(error)

    async def until(self, number: int) -> None:
        """Wait until more was told; at once where that is so of what is before this number."""
        if self.told < number:
            if self._published is None:
                self._published = asyncio.Event()
            await self._published.wait()

    def _entry(self, message: M) -> Entry[M, R] | Awaitable[Entry[M, R]]:
        self.tally.executions += 1
        result = self._telling.render(message)
        second = self._other(message) if self.owners else None
        other = None if second is None else self._telling.render(second)
        if _is_coroutine(result) or _is_coroutine(other):
            return self._rendered(message, result, other)
        return Entry(message, result, other, self._weigh(result))  # type: ignore[arg-type]

    async def _rendered(self, message: M, first: Any, second: Any) -> Entry[M, R]:
        result = await first if _is_coroutine(first) else first
        other = await second if _is_coroutine(second) else second
        return Entry(message, result, other, self._weigh(result))

    def _wait(self, messages: Sequence[M]) -> None:
        """Tell these after what is in the inbox, unless that has more than it may."""
        self._inbox.extend(messages)
        if len(self._inbox) > INBOX:
            for member, place in self._let_go():
                member.lag(place)

    async def _drained(self, inbox: deque[M], entry: Awaitable[Entry[M, R]] | Entry[M, R]) -> None:
        """Tell what is in the inbox, one after the other, as long as it is the group's."""
        try:
            while True:
                done = entry if isinstance(entry, Entry) else await entry
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

    def _publish(self, entries: Sequence[Entry[M, R]]) -> None:
        if not entries:
            return
        number, self.told = self.told, self.told + len(entries)
        self._shared.clear()
        if self._cursors:
            self._keep(number, entries)
        if self._flowing:
            chunk = Chunk([entry.result for entry in entries])
            self.tally.deliveries += len(entries) * len(self._flowing)
            self._flowing.hand_out(chunk)
        chunks: dict[tuple[Choice, ...], Chunk[R]] = {}
        for member in list(self._choosing):
            member.take(entries, chunks)
        self._announce()

    def _keep(self, number: int, entries: Sequence[Entry[M, R]]) -> None:
        self._ring.extend(number, entries)
        while self._ring.overfull:
            passed = self._cursors.pop(self._ring.start, ())
            place = self._ring.drop().message.place.before()
            for member in passed:
                member.passed(place)
        if not self._cursors:
            self._ring.clear()

    def _announce(self) -> None:
        if self._published is not None:
            self._published.set()
            self._published = None


def _is_coroutine(value: object) -> TypeGuard[CoroutineType[Any, Any, Any]]:
    return type(value) is CoroutineType
