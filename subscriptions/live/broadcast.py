"""Delivery of a topic's entries: at once to subscribers that are up to date, through a ring to the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from types import CoroutineType
from typing import Generic, TypeVar

from eventstore.place import Place
from subscriptions.live.fan_out import FanOut, Recipient
from subscriptions.live.ports import Delivery, LiveStats, M, Progress
from subscriptions.live.renderer import SharedRenderer
from subscriptions.live.ring import MessageRing, RingEntry, RingLimits
from subscriptions.live.sinks import Chunk

R = TypeVar("R")


class Broadcast(Generic[M, R]):
    """The entries of one topic, numbered by offset, and the recipients that need them.

    `published` is the number of entries so far, so it is the offset of the next one. `pending` are messages
    that wait to be rendered; the offsets from `published` on are theirs. The ring keeps entries only while a
    recipient is behind.

    `max_lag` is the number of positions that a recipient may be behind once it has caught up. Without
    `sends_caught_up` recipients receive no `CaughtUp`: each message is the whole result.
    """

    __slots__ = (
        "_cursors", "_erasure", "_fan_out", "_filtered", "_publication", "_ring", "chunk_weight",
        "filtered_count", "max_lag", "pending", "progress", "published", "renderer", "sends_caught_up",
        "stats",
    )  # fmt: skip

    def __init__(
        self,
        renderer: SharedRenderer[M, R],
        progress: Progress,
        limits: RingLimits,
        stats: LiveStats,
        *,
        max_lag: int,
        sends_caught_up: bool = True,
    ) -> None:
        self.renderer = renderer
        self.progress = progress
        self.stats = stats
        self.max_lag = max_lag
        self.sends_caught_up = sends_caught_up
        self.chunk_weight = limits.chunk
        self.pending: deque[M] = deque()
        self.published = 0
        self.filtered_count = 0
        self._fan_out: FanOut[M, R] = FanOut()
        self._filtered: dict[Recipient[M, R], None] = {}
        self._cursors: dict[int, dict[Recipient[M, R], None]] = {}
        self._ring: MessageRing[M, R] = MessageRing(limits)
        self._publication: asyncio.Event | None = None
        self._erasure = progress.erasure

    @property
    def next_offset(self) -> int:
        """The offset of the next message that the topic accepts."""
        return self.published + len(self.pending)

    @property
    def has_recipients(self) -> bool:
        """Whether any recipient receives or keeps what is published now."""
        return bool(self._fan_out.delivers or self._filtered or self._cursors)

    @property
    def needs_no_entries(self) -> bool:
        """Whether what is published now goes to its recipients at once and as it is, and to no others."""
        fan_out = self._fan_out
        return bool(
            (fan_out.sole or fan_out.delivers)
            and not (self.filtered_count or self._cursors or self.pending)
            and self._erasure == self.progress.erasure
        )

    def attach(self, recipient: Recipient[M, R]) -> None:
        """Deliver to it at once what is published from now on."""
        if recipient.is_filtered:
            self._filtered[recipient] = None
        else:
            self._fan_out.add(recipient)

    def detach(self, recipient: Recipient[M, R]) -> bool:
        """Stop delivering to it at once; return whether it was attached."""
        return self._fan_out.remove(recipient) or self._filtered.pop(recipient, self) is None

    def keep_from(self, offset: int, recipient: Recipient[M, R]) -> None:
        """Set the recipient's cursor: the ring keeps the entries from there on, while it has room."""
        self._cursors.setdefault(offset, {})[recipient] = None
        recipient.cursor = offset

    def release(self, recipient: Recipient[M, R]) -> None:
        """Remove the recipient's cursor."""
        if recipient.cursor is not None:
            recipients = self._cursors[recipient.cursor]
            del recipients[recipient]
            if not recipients:
                del self._cursors[recipient.cursor]
            recipient.cursor = None
            if not self._cursors:
                self._ring.clear()

    def remove(self, recipient: Recipient[M, R]) -> None:
        """Deliver nothing more to it."""
        self.detach(recipient)
        self._fan_out.remove_at_once(recipient)
        self.release(recipient)

    def entries_from(self, offset: int) -> list[RingEntry[M, R]]:
        """Return what was published from this offset on."""
        return self._ring.entries_from(offset) if offset < self.published else []

    async def wait_for(self, offset: int) -> None:
        """Wait for the next publication, unless all offsets before this one are published already."""
        if self.published < offset:
            if self._publication is None:
                self._publication = asyncio.Event()
            await self._publication.wait()

    def publish(self, entries: Sequence[RingEntry[M, R]]) -> None:
        """Deliver the entries that come next."""
        if not entries:
            return
        offset, self.published = self.published, self.published + len(entries)
        self.renderer.forget()
        if self._cursors:
            self._keep(offset, entries)
        if self._fan_out.delivers:
            chunk = Chunk([entry.result for entry in entries])
            self.stats.deliveries += len(entries) * len(self._fan_out.delivers)
            self._fan_out.broadcast(chunk)
        chunks: dict[tuple[Delivery, ...], Chunk[R]] = {}
        for recipient in list(self._filtered):
            recipient.deliver_filtered(entries, chunks)
        self._announce()

    def publish_result(self, message: M) -> Awaitable[RingEntry[M, R]] | None:
        """Deliver the message that comes next, while recipients need no entry of it.

        Return its entry instead, if its rendering has to be awaited. Most topics have one subscriber and most
        batches one message, so that a call or an object more is felt here.
        """
        renderer = self.renderer
        renderer.stats.executions += 1
        # CPython 3.11 calls what an attribute without a dictionary has faster from a variable.
        render = renderer.render
        result = render(message)
        if result.__class__ is CoroutineType:
            return renderer.awaited_entry(message, result, None)
        self.published += 1
        if renderer.cache:
            renderer.forget()
        fan_out = self._fan_out
        self.stats.deliveries += 1 if fan_out.sole else len(fan_out.delivers)
        fan_out.broadcast(Chunk((result,)))  # type: ignore[arg-type]
        if self._publication is not None:
            self._announce()
        return None

    def check_erasure(self) -> None:
        """Drop what was rendered before the last erasure; recipients that still need it read it again."""
        if self._erasure != self.progress.erasure:
            self._erasure = self.progress.erasure
            self.renderer.forget()
            for recipient, place in self.drop():
                recipient.rewind_to(place)

    def drop(self) -> list[tuple[Recipient[M, R], Place]]:
        """Drop the ring and all pending messages.

        Return the recipients that lose some of them, each with the place after which it must read again.
        """
        losers = self._losers()
        self._ring.clear()
        self.published += len(self.pending)
        self.pending = deque()
        self._announce()
        return losers

    def _losers(self) -> list[tuple[Recipient[M, R], Place]]:
        losers: list[tuple[Recipient[M, R], Place]] = []
        for offset, recipients in self._cursors.items():
            if offset < self.published:
                place = self._ring.entries_from(offset)[0].message.place
            elif offset < self.next_offset:
                place = self.pending[offset - self.published].place
            else:
                continue
            losers += [(recipient, place.before()) for recipient in recipients]
        if self.pending:
            place = self.pending[0].place
            attached = (*self._fan_out.delivers, *self._filtered)
            losers += [(recipient, place.before()) for recipient in attached]
        return losers

    def _keep(self, offset: int, entries: Sequence[RingEntry[M, R]]) -> None:
        self._ring.extend(offset, entries)
        while self._ring.is_overfull:
            evicted = self._cursors.pop(self._ring.start, ())
            place = self._ring.evict().message.place.before()
            for recipient in evicted:
                recipient.on_evicted(place)
        if not self._cursors:
            self._ring.clear()

    def _announce(self) -> None:
        if self._publication is not None:
            self._publication.set()
            self._publication = None
