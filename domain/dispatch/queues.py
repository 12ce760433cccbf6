"""The commands of one stream on their way: decided in a row, each on what those before it will leave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from typing import Any

from domain.dispatch.ports import LoadedState
from domain.kernel.errors import Overloaded
from domain.kernel.event import Event

MAX_WAITING = 10_000
"""Commands that wait for their turn at one stream at most; beyond it callers are told Overloaded."""


class SpeculativeState:
    """The state that an append under way will leave, should it land."""

    __slots__ = ("_kept", "_told", "command_id", "events", "state")

    def __init__(self, command_id: str, state: LoadedState[Any], events: Sequence[Event] = ()) -> None:
        self.command_id = command_id
        self.state = state
        self.events = events
        """Those of the append, that lead to the state."""
        self._told = asyncio.Event()
        self._kept = False

    async def kept(self) -> bool:
        """Wait for the append's outcome: whether the state is stored."""
        await self._told.wait()
        return self._kept

    def settle(self, kept: bool) -> None:
        self._kept = kept
        self._told.set()


class StreamQueue:
    """One stream's commands. One decides at a time, in their order, and does not wait for the appends before.

    When an append does not land, none that was decided on its state can. Nothing is decided then until all
    that is under way has an outcome, so that those that lost decide again in their order, before later ones.
    """

    def __init__(self) -> None:
        self.members = 0
        self.contested = False
        """Whether what lost last, lost to another writer."""
        self._tickets = count()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._deciding = False
        self._under_way = 0
        self._broken = False
        self._promises: dict[str, SpeculativeState] = {}
        self._last: SpeculativeState | None = None

    def ticket(self) -> int:
        """A place in the order of this stream's commands, for as long as the command has no outcome."""
        return next(self._tickets)

    def promise(self, command_id: str) -> SpeculativeState | None:
        """What the next decision builds on; None where that is what is stored.

        For a command that is under way already it is that one's promise: its first run decides what it does.
        """
        return self._promises.get(command_id) or self._last

    def under_way(self) -> Sequence[tuple[int, Event]]:
        """The events of the appends under way that a promise builds on, with their versions, in order."""
        return [
            (version, event)
            for promise in self._promises.values()
            for version, event in enumerate(promise.events, promise.state.version - len(promise.events) + 1)
        ]

    async def take_turn(self, ticket: int) -> None:
        """Wait until it is this command's turn to decide; `pass_on` must follow. Raises Overloaded."""
        if self._is_free and not self._waiting:
            self._deciding = True
            return
        if len(self._waiting) >= MAX_WAITING:
            raise Overloaded(f"{MAX_WAITING} commands wait for this stream; try again with a growing pause")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (ticket, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.pass_on()
            raise

    def pass_on(self) -> None:
        """End the turn. The next starts when the caller suspends: what it appends by then is before it."""
        self._deciding = False
        self._next_soon()

    @contextmanager
    def waiting_for_outcome(self) -> Iterator[None]:
        """Keeps later commands from overtaking this one, should what is under way be lost."""
        self._under_way += 1
        try:
            yield
        finally:
            self._ended()

    def begin(self, promise: SpeculativeState) -> None:
        """An append starts that leads to the promised state."""
        self._under_way += 1
        self._promises[promise.command_id] = self._last = promise

    def settle(self, promise: SpeculativeState, *, kept: bool, contested: bool = False) -> None:
        """The append that `begin` was told of has an outcome."""
        promise.settle(kept)
        del self._promises[promise.command_id]
        if not kept:
            self.contested = contested if not self._broken else self.contested
            self._broken = True
        if self._broken or self._last is promise:
            self._last = None
        self._ended()

    def _ended(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._broken = False
        self._next_soon()

    @property
    def _is_free(self) -> bool:
        return not self._deciding and not self._broken

    def _next_soon(self) -> None:
        # Not at once: whoever has just lost is to be in the queue by then.
        if self._waiting and self._is_free:
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        while self._waiting and self._is_free:
            _, turn = heappop(self._waiting)
            if not turn.done():
                self._deciding = True
                turn.set_result(None)


class StreamQueues:
    """A queue for each stream in use."""

    def __init__(self) -> None:
        self._queues: dict[tuple[str, str], StreamQueue] = {}

    @contextmanager
    def joined(self, key: tuple[str, str]) -> Iterator[StreamQueue]:
        """The stream's queue, which is forgotten when the last command has left it."""
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = StreamQueue()
        queue.members += 1
        try:
            yield queue
        finally:
            queue.members -= 1
            if not queue.members:
                del self._queues[key]
