"""One subscriber of a group: it flows with the group, or is behind it, or catches up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, TypeVar

from domain.kernel.errors import NerveError
from subscriptions.live.messages import Lagged, Place, StatusMessage
from subscriptions.live.ports import Delivery, EndOfStream, M, SubscriberFilter
from subscriptions.live.ring import RingEntry
from subscriptions.live.sinks import Chunk, Sink

if TYPE_CHECKING:
    from subscriptions.live.topic import Topic

logger = logging.getLogger(__name__)

R = TypeVar("R")


class Subscriber(Generic[M, R]):
    """A running subscription.

    Who flows has no state but to be among those that the group hands a chunk. Who is behind holds a `cursor`,
    the number of the message that comes next for it, or where the ring has passed that only its `place`, the
    last that it was told; while it is told what is behind that, `place` is how far it has come. A task runs
    only while it catches up, and none while it is paused.
    """

    __slots__ = (
        "__weakref__",
        "_flows",
        "_group",
        "_own",
        "_paused",
        "_sink",
        "_task",
        "_telling",
        "begun",
        "cursor",
        "deliver",
        "open",
        "place",
    )

    def __init__(self, group: Topic[M, R], sink: Sink[R], after: Place | None) -> None:
        self._group = group
        self._sink = sink
        self._paused = False
        self._flows = False
        self._telling = False
        self._own: SubscriberFilter[M] | None = None
        self.deliver = sink.deliver
        self.open = True
        self.begun = False
        self.place = after
        self.cursor: int | None = None
        self._task: asyncio.Task[None] | None = asyncio.create_task(self._run())

    @property
    def erasure(self) -> int:
        """The last erasure that was met: what was read before it must not be told any more."""
        return self._group.origin.erasure

    @property
    def own(self) -> SubscriberFilter[M] | None:
        """How it sees what its group is told, where that is not as the group does."""
        return self._own

    @own.setter
    def own(self, own: SubscriberFilter[M] | None) -> None:
        self._group.owners += (own is not None) - (self._own is not None)
        flowed = self._group.stop_flow(self)
        self._own = own
        if flowed:
            self._group.flow(self)

    def pause(self) -> None:
        """Deliver nothing until `resume`; what is being handed to others at this moment still comes."""
        self._paused = True
        if self._group.stop_flow(self):
            self._flows = False
            self.cursor = self._group.hold(self, self._group.told)

    def resume(self) -> None:
        """Go on where it was."""
        if not self._paused or not self.open:
            return
        self._paused = False
        self._go_on()

    def close(self) -> None:
        """The subscriber is gone; nothing more is delivered."""
        self._leave()

    def seek(self, after: Place | None, begun: bool) -> None:
        """Tell again what comes after `after`, or begin anew; for one that is paused."""
        self._group.release(self)
        self.place, self.begun = after, begun

    def take(self, entries: Sequence[RingEntry[M, R]], chunks: dict[tuple[Delivery, ...], Chunk[R]]) -> None:
        """Hand it what it sees of these, in its own way; `chunks` are what others see who see it alike."""
        own = self._own
        choices = tuple(Delivery.AS_IS if own is None else own.choose(entry.message) for entry in entries)
        chunk = chunks.get(choices)
        if chunk is None:
            chunk = chunks[choices] = Chunk([*_seen(entries, choices)])
        if chunk.results and self.open:
            self._group.stats.deliveries += len(chunk.results)
            self.deliver(chunk)

    def on_evicted(self, place: Place) -> None:
        """The ring holds no longer what comes after `place`, which is next for it."""
        self.cursor = None
        if not self._telling:
            self.place = place

    def rewind_to(self, place: Place) -> None:
        """What comes after `place` must be read again."""
        self._drop(place)
        self._go_on()

    def on_lagged(self, place: Place) -> None:
        """The group cannot keep up with what happens: one that was with it has lagged, and can be resumed."""
        self._drop(place)
        if self._task is None and not self._paused:
            self._task = asyncio.create_task(self._run(EndOfStream(Lagged(place))))

    def _drop(self, place: Place) -> None:
        self._group.release(self)
        if self._group.stop_flow(self):
            self._flows = False
        if not self._telling:
            self.place = place

    def fail(self, error: Exception) -> None:
        """End its stream with this error."""
        if self.open:
            self._leave()
            self._sink.end(self._group.rendering.failed(error))

    def _go_on(self) -> None:
        if self._task is not None or self._paused:
            return
        self._group.check()
        behind = not self.begun or self.cursor is None or self.cursor > self._group.told
        if self._task is None and (behind or self._own is not None or self._group.condense is not None):
            self._task = asyncio.create_task(self._run())
        elif self._task is None:
            self._flow()

    async def _run(self, end: EndOfStream | None = None) -> None:
        try:
            try:
                if end is not None:
                    raise end
                while not self._paused and not self._flows and self.open:
                    await self._step()
            except EndOfStream as complete:
                await self._complete(complete.message)
        except Exception as error:
            if not isinstance(error, NerveError):
                logger.exception("a subscription broke off")
            self.fail(error)
        self._task = None

    async def _step(self) -> None:
        if self.cursor is None:
            await self._catch_up()
        elif not self.begun:
            await self._begin()
        else:
            await self._follow_ring()

    async def _complete(self, message: StatusMessage) -> None:
        """Tell this, and end the stream."""
        result = await self._group.rendering.alone(message)
        self._group.stats.lagged += isinstance(message, Lagged)
        if self.open:
            self._leave()
            self.deliver(Chunk([result]))
            self._sink.end()

    async def _catch_up(self) -> None:
        """Tell what is behind its place up to where the group is, which keeps what follows meanwhile."""
        group, origin = self._group, self._group.origin
        late = 0 if self.place is None else origin.position - self.place.position
        if self.begun and self.place is not None and late > origin.max_lag:
            raise EndOfStream(Lagged(self.place))
        await origin.ready(self)
        if self._paused or not self.open:
            return
        group.check()
        upto = origin.position
        self.cursor = group.hold(self, group.given)
        self._telling = True
        complete = await self._tell_past(upto)
        self._telling = False
        if not complete:
            group.release(self)

    async def _begin(self) -> None:
        """Say that it has caught up, which it has up to its place."""
        assert self.place is not None
        result = await self._group.rendering.alone(self._group.rendering.caught_up(self.place.position))
        if not self._paused and self.cursor is not None:
            self.begun = True
            self._deliver([result])

    async def _tell_past(self, upto: int) -> bool:
        """Whether all of it was told, up to the position `upto`."""
        group, origin = self._group, self._group.origin
        erasure = origin.erasure
        async with aclosing(origin.catch_up(self, upto)) as pages:
            async for page in pages:
                results = [await group.rendering.alone(message) for message in page.messages]
                if self._paused or origin.erasure != erasure:
                    return False
                self.place = page.messages[-1].place
                self._deliver(results)
                if self._paused and not page.last:
                    return False
        self.place = Place(upto)
        return True

    async def _follow_ring(self) -> None:
        """Tell what the group was told meanwhile, and flow with it as soon as that is all."""
        group = self._group
        group.check()
        if self.cursor is None:
            return
        if self.cursor > group.told:
            await group.until(self.cursor)
            return
        entries = group.since(self.cursor)
        if not entries or (self._own is None and group.condense is None):
            self._flow()
            return
        erasure = group.origin.erasure
        self.place = entries[0].message.place.before()
        group.release(self)
        self.cursor = group.hold(self, group.told)
        self._telling = True
        results = await self._chosen(entries)
        self._telling = False
        if group.origin.erasure != erasure:
            group.release(self)
            return
        self.place = entries[-1].message.place
        self._deliver(results)

    async def _chosen(self, entries: Sequence[RingEntry[M, R]]) -> list[R]:
        """What it is told of these."""
        group, own = self._group, self._own
        chosen = [(entry, Delivery.AS_IS if own is None else own.choose(entry.message)) for entry in entries]
        chosen = [(entry, choice) for entry, choice in chosen if choice is not Delivery.SKIP]
        if group.condense is not None:
            messages = [
                entry.message if choice is Delivery.AS_IS else group.rendering.other_message(entry.message)
                for entry, choice in chosen
            ]
            return [await group.rendering.alone(message) for message in group.condense(messages)]
        results = [
            entry.result if choice is Delivery.AS_IS else await group.rendering.other(entry)
            for entry, choice in chosen
        ]
        return [result for result in results if result is not None]

    def _flow(self) -> None:
        assert self.cursor is not None
        entries = self._group.since(self.cursor)
        self._group.release(self)
        self._flows = True
        self._group.flow(self)
        self._deliver([entry.result for entry in entries])

    def _deliver(self, results: Sequence[R]) -> None:
        if results and self.open:
            self._group.stats.deliveries += len(results)
            self.deliver(Chunk(results))

    def _leave(self) -> None:
        if self.open:
            self.open = False
            self.own = None
            self._group.leave(self)
            if self._task is not None and self._task is not asyncio.current_task():
                self._task.cancel()


def _seen(entries: Sequence[RingEntry[M, R]], choices: Sequence[Delivery]) -> Iterator[R]:
    for entry, choice in zip(entries, choices, strict=True):
        if choice is Delivery.AS_IS:
            yield entry.result
        elif choice is Delivery.ALTERNATE and entry.other is not None:
            yield entry.other
