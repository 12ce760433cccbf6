"""One subscriber of a topic: it reads its backlog, then the ring, then receives what is published at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Generic, TypeVar

from domain.kernel.errors import NerveError
from eventstore.place import Place
from subscriptions.live.broadcast import Broadcast
from subscriptions.live.messages import Lagged, StatusMessage
from subscriptions.live.ports import Backlog, Delivery, EndOfStream, M, SubscriberFilter
from subscriptions.live.renderer import chosen_results
from subscriptions.live.ring import RingEntry
from subscriptions.live.sinks import Chunk, Sink

logger = logging.getLogger(__name__)

R = TypeVar("R")


class Subscriber(Generic[M, R]):
    """A running subscription.

    One that is up to date is attached to the broadcast and has no other state. One that is behind has a
    `cursor`, the offset of the entry that it needs next. If the ring has evicted that entry, it has only
    its `place`: the last one that was delivered, or how far it has come while it reads its backlog. A task
    runs only while it is behind and not paused.

    `has_begun` is whether it has started to read its backlog, `caught_up` whether it has received `CaughtUp`.
    """

    __slots__ = (
        "_backlog", "_broadcast", "_filter", "_is_attached", "_is_paused", "_is_replaying", "_on_close",
        "_sink", "_task", "caught_up", "cursor", "deliver", "has_begun", "is_open", "place",
    )  # fmt: skip

    def __init__(
        self,
        broadcast: Broadcast[M, R],
        backlog: Backlog[M],
        sink: Sink[R],
        after: Place | None,
        on_close: Callable[[Subscriber[M, R]], None],
    ) -> None:
        self._broadcast = broadcast
        self._backlog = backlog
        self._sink = sink
        self._on_close = on_close
        self._is_paused = False
        self._is_attached = False
        self._is_replaying = False
        self._filter: SubscriberFilter[M] | None = None
        self.deliver: Callable[[Chunk[R]], None] = sink.deliver
        self.is_open = True
        self.has_begun = False
        self.caught_up = not broadcast.sends_caught_up
        self.place = after
        self.cursor: int | None = None
        self._task: asyncio.Task[None] | None = asyncio.create_task(self._run())

    @property
    def position(self) -> int | None:
        """The position up to which it has received everything; None before its first message."""
        broadcast = self._broadcast
        if self._is_attached:
            return broadcast.progress.position
        if self.cursor is None or self._is_replaying:
            return None if self.place is None else self.place.position
        entries = broadcast.entries_from(self.cursor)
        return entries[0].message.place.before().position if entries else broadcast.progress.position

    @property
    def is_filtered(self) -> bool:
        """Whether it receives messages of its topic in another form, or not all of them."""
        return self._filter is not None

    def set_filter(self, filter: SubscriberFilter[M] | None) -> None:
        """Apply this filter to what follows."""
        self._broadcast.filtered_count += (filter is not None) - (self._filter is not None)
        was_attached = self._broadcast.detach(self)
        self._filter = filter
        if was_attached:
            self._broadcast.attach(self)

    def pause(self) -> None:
        """Deliver nothing until `resume`, except a chunk that is being delivered to others at this moment."""
        self._is_paused = True
        if self._broadcast.detach(self):
            self._is_attached = False
            self._broadcast.keep_from(self._broadcast.published, self)

    def resume(self) -> None:
        """Continue with what comes next for this subscriber."""
        if not self._is_paused or not self.is_open:
            return
        self._is_paused = False
        self._continue()

    def close(self) -> None:
        """End the subscription; nothing more is delivered."""
        if self.is_open:
            self.is_open = False
            self.set_filter(None)
            self._broadcast.remove(self)
            self._on_close(self)
            if self._task is not None and self._task is not asyncio.current_task():
                self._task.cancel()

    def seek(self, after: Place | None, backlog: Backlog[M], *, caught_up: bool) -> None:
        """Deliver again what comes after `after`, from this backlog; only for a paused subscriber."""
        self._broadcast.release(self)
        self._backlog, self.place, self.caught_up = backlog, after, caught_up

    def deliver_filtered(
        self, entries: Sequence[RingEntry[M, R]], chunks: dict[tuple[Delivery, ...], Chunk[R]]
    ) -> None:
        """Deliver these entries through the filter; `chunks` caches what equal choices produce."""
        choices = self._choose(entries)
        chunk = chunks.get(choices)
        if chunk is None:
            chunk = chunks[choices] = Chunk(chosen_results(entries, choices))
        if chunk.results and self.is_open:
            self._broadcast.stats.deliveries += len(chunk.results)
            self.deliver(chunk)

    def on_evicted(self, place: Place) -> None:
        """Note that the ring has evicted the entry at the cursor, which follows this place."""
        self.cursor = None
        if not self._is_replaying:
            self.place = place

    def rewind_to(self, place: Place) -> None:
        """Read everything after this place again."""
        self._fall_behind(place)
        self._continue()

    def on_lagged(self, place: Place) -> None:
        """End the stream, which can be resumed after `place`: its topic cannot keep up with its source."""
        self._fall_behind(place)
        if self._task is None and not self._is_paused:
            self._task = asyncio.create_task(self._run(EndOfStream(Lagged(place))))

    def fail(self, error: Exception) -> None:
        """End the stream with this error."""
        if self.is_open:
            self.close()
            self._sink.end(self._broadcast.renderer.failed(error))

    def _fall_behind(self, place: Place) -> None:
        self._broadcast.release(self)
        if self._broadcast.detach(self):
            self._is_attached = False
        if not self._is_replaying:
            self.place = place

    def _continue(self) -> None:
        if self._task is not None or self._is_paused:
            return
        broadcast = self._broadcast
        broadcast.check_erasure()
        is_behind = not self.caught_up or self.cursor is None or self.cursor > broadcast.published
        if self._task is None and (is_behind or self.is_filtered or broadcast.renderer.condenses):
            self._task = asyncio.create_task(self._run())
        elif self._task is None:
            self._attach()

    async def _run(self, end: EndOfStream | None = None) -> None:
        try:
            try:
                if end is not None:
                    raise end
                while not self._is_paused and not self._is_attached and self.is_open:
                    await self._step()
            except EndOfStream as end_of_stream:
                await self._end_with(end_of_stream.message)
        except Exception as error:
            if not isinstance(error, NerveError):
                logger.exception("a subscription ends because of an error")
            self.fail(error)
        self._task = None

    async def _step(self) -> None:
        if self.cursor is None:
            await self._catch_up()
        elif not self.caught_up:
            await self._send_caught_up()
        else:
            await self._send_ring()

    async def _end_with(self, message: StatusMessage) -> None:
        """Deliver this message, and end the stream."""
        result = await self._broadcast.renderer.cached(message)
        self._broadcast.stats.lagged += isinstance(message, Lagged)
        if self.is_open:
            self.close()
            self.deliver(Chunk([result]))
            self._sink.end()

    async def _catch_up(self) -> None:
        """Deliver the backlog up to the topic's position; the ring keeps what is published meanwhile."""
        broadcast = self._broadcast
        progress = broadcast.progress
        lag = 0 if self.place is None else progress.position - self.place.position
        if self.caught_up and self.place is not None and lag > broadcast.max_lag:
            raise EndOfStream(Lagged(self.place))
        await self._backlog.prepare(self.place, caught_up=self.caught_up)
        if self._is_paused or not self.is_open:
            return
        broadcast.check_erasure()
        upto = progress.position
        broadcast.keep_from(broadcast.next_offset, self)
        self._is_replaying = True
        is_complete = await self._send_backlog(upto)
        self._is_replaying = False
        if not is_complete:
            broadcast.release(self)

    async def _send_backlog(self, upto: int) -> bool:
        """Deliver the backlog up to this position; return whether that was all of it."""
        broadcast = self._broadcast
        erasure = broadcast.progress.erasure
        backlog = self._backlog.read(self.place, upto, caught_up=self.caught_up)
        self.has_begun = True
        if backlog.restarts:
            self.caught_up = False
            self.set_filter(backlog.filter)
        async with aclosing(backlog.pages) as pages:
            async for page in pages:
                results = [await broadcast.renderer.cached(message) for message in page.messages]
                if self._is_paused or broadcast.progress.erasure != erasure:
                    return False
                self.place = page.messages[-1].place
                self._deliver(results)
                if self._is_paused and not page.last:
                    return False
        self.place = backlog.end or Place(upto)
        return True

    async def _send_caught_up(self) -> None:
        assert self.place is not None
        renderer = self._broadcast.renderer
        result = await renderer.cached(renderer.caught_up(self.place))
        if not self._is_paused and self.cursor is not None:
            self.caught_up = True
            self._deliver([result])

    async def _send_ring(self) -> None:
        """Deliver what the ring has kept, and attach to the broadcast as soon as nothing is left there."""
        broadcast = self._broadcast
        broadcast.check_erasure()
        if self.cursor is None:
            return
        if self.cursor > broadcast.published:
            await broadcast.wait_for(self.cursor)
            return
        entries = broadcast.entries_from(self.cursor)
        if not entries or not (self.is_filtered or broadcast.renderer.condenses):
            self._attach()
            return
        erasure = broadcast.progress.erasure
        self.place = entries[0].message.place.before()
        broadcast.release(self)
        broadcast.keep_from(broadcast.published, self)
        self._is_replaying = True
        results = await broadcast.renderer.replay(entries, self._choose(entries))
        self._is_replaying = False
        if broadcast.progress.erasure != erasure:
            broadcast.release(self)
            return
        self.place = entries[-1].message.place
        self._deliver(results)

    def _choose(self, entries: Sequence[RingEntry[M, R]]) -> tuple[Delivery, ...]:
        """Return how each entry is delivered; drop the filter if it ends with the last one."""
        own_filter = self._filter
        if own_filter is None:
            return (Delivery.AS_IS,) * len(entries)
        choices = tuple(own_filter.choose(entry.message) for entry in entries)
        if own_filter.ends_after(entries[-1].message):
            self.set_filter(None)
        return choices

    def _attach(self) -> None:
        assert self.cursor is not None
        entries = self._broadcast.entries_from(self.cursor)
        self._broadcast.release(self)
        self._is_attached = True
        self._broadcast.attach(self)
        self._deliver([entry.result for entry in entries])

    def _deliver(self, results: Sequence[R]) -> None:
        if results and self.is_open:
            self._broadcast.stats.deliveries += len(results)
            self.deliver(Chunk(results))
