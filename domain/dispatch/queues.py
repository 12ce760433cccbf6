"""Queues of commands: a stream decides one at a time, each in the state that the earlier ones lead to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from typing import Any

from domain.dispatch.ports import LoadedState
from domain.kernel.event import Event
from domain.kernel.limit_errors import Overloaded


class SpeculativeState:
    """The state that a pending append leads to if it succeeds; `events` are those of the append."""

    __slots__ = ("_is_stored", "_settled", "command_id", "events", "state")

    def __init__(self, command_id: str, state: LoadedState[Any], events: Sequence[Event] = ()) -> None:
        self.command_id = command_id
        self.state = state
        self.events = events
        self._settled = asyncio.Event()
        self._is_stored = False

    async def is_stored(self) -> bool:
        """Wait for the outcome of the append, and return whether the state is stored."""
        await self._settled.wait()
        return self._is_stored

    def settle(self, stored: bool) -> None:
        """Set the outcome of the append."""
        self._is_stored = stored
        self._settled.set()


class StreamQueue:
    """The commands of one stream. They are decided one at a time, in order, without waiting for appends.

    When an append fails, no append that was decided on its state can succeed. Then nothing is decided until
    all pending appends have an outcome, so that the commands that failed are decided again in their order,
    before later ones. At most `max_waiting` commands wait for their turn.
    """

    def __init__(self, max_waiting: int) -> None:
        self.commands = 0
        self._max_waiting = max_waiting
        self.is_contested = False
        """Whether the last append that failed lost to another process."""
        self._tickets = count()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._is_deciding = False
        self._pending = 0
        self._is_broken = False
        self._states: dict[str, SpeculativeState] = {}
        self._latest: SpeculativeState | None = None

    def ticket(self) -> int:
        """Return a place in the order of the commands; a command keeps it until it has an outcome."""
        return next(self._tickets)

    def basis_of(self, command_id: str) -> SpeculativeState | None:
        """Return the state for the next decision; None if that is the stored state.

        If the command itself is pending already, this is the state that it leads to: its first run decides.
        """
        return self._states.get(command_id) or self._latest

    def pending_events(self) -> Sequence[tuple[int, Event]]:
        """Return the events of all pending appends with their versions, in order."""
        return [
            (version, event)
            for pending in self._states.values()
            for version, event in enumerate(pending.events, pending.state.version - len(pending.events) + 1)
        ]

    async def take_turn(self, ticket: int) -> None:
        """Wait until this command may be decided; `end_turn` must follow. Raises Overloaded."""
        if self._is_free and not self._waiting:
            self._is_deciding = True
            return
        if len(self._waiting) >= self._max_waiting:
            raise Overloaded(
                f"{self._max_waiting} commands wait for this stream; try again with a growing pause"
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (ticket, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.end_turn()
            raise

    def end_turn(self) -> None:
        """End the turn. The next one starts when the caller suspends, after the appends it has started."""
        self._is_deciding = False
        self._schedule_next()

    @contextmanager
    def waiting_for_outcome(self) -> Iterator[None]:
        """Keep later commands from being decided before this one if pending appends fail."""
        self._pending += 1
        try:
            yield
        finally:
            self._end_pending()

    def begin(self, pending: SpeculativeState) -> None:
        """Register an append that starts now and leads to this state."""
        self._pending += 1
        self._states[pending.command_id] = self._latest = pending

    def settle(self, pending: SpeculativeState, *, stored: bool, contested: bool = False) -> None:
        """Set the outcome of an append that was registered with `begin`."""
        pending.settle(stored)
        del self._states[pending.command_id]
        if not stored:
            self.is_contested = contested if not self._is_broken else self.is_contested
            self._is_broken = True
        if self._is_broken or self._latest is pending:
            self._latest = None
        self._end_pending()

    def _end_pending(self) -> None:
        self._pending -= 1
        if not self._pending:
            self._is_broken = False
        self._schedule_next()

    @property
    def _is_free(self) -> bool:
        return not self._is_deciding and not self._is_broken

    def _schedule_next(self) -> None:
        # Not at once: a command whose append has just failed joins the queue first.
        if self._waiting and self._is_free:
            asyncio.get_running_loop().call_soon(self._start_next)

    def _start_next(self) -> None:
        while self._waiting and self._is_free:
            _, turn = heappop(self._waiting)
            if not turn.done():
                self._is_deciding = True
                turn.set_result(None)


class StreamQueues:
    """The queues of all streams that have commands, of which `max_waiting` may wait at each."""

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._queues: dict[tuple[str, str], StreamQueue] = {}

    @contextmanager
    def entered(self, key: tuple[str, str]) -> Iterator[StreamQueue]:
        """Enter the queue of a stream, which is removed when its last command leaves."""
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = StreamQueue(self._max_waiting)
        queue.commands += 1
        try:
            yield queue
        finally:
            queue.commands -= 1
            if not queue.commands:
                del self._queues[key]
