"""Bounds the work for one socket in each turn of the event loop, so that the others go on.

One read from a socket may bring 256 kB, which are tens of thousands of frames, and the loop reads several
times in a turn. So what was read is handled in small pieces. When the time of the turn is up, reading
pauses, and the rest waits for its turn in a queue of all sockets.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter

from api.transports.sockets.socket_rates import SocketRates

TURN = 0.0005
"""Seconds of work in one turn of the event loop: for one socket, and for all sockets of the queue."""

REST = 0.002
"""Seconds between two turns of the queue, for everything else that the process does."""

PIECE = 128
"""Bytes that are handled before the clock is looked at. They contain the start of one operation, which may
take longer than a turn, or at most 21 frames.
"""

LONG_PIECE = 512
"""The same after a piece that took no time, as within a long frame."""

QUICK = 0.00002
"""Seconds of such a piece."""


def _ignore(*_: object) -> None:
    """Stands for the handlers of a socket that is gone."""


class TurnQueue:
    """The sockets with more to handle than fits in a turn; served one after the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, work: Callable[[], None]) -> None:
        """Call `work` once, in a later turn."""
        self._waiting.append(work)
        if self._timer is None:
            self._timer = self._loop.call_later(REST, self._run)

    def _run(self) -> None:
        end = perf_counter() + TURN
        try:
            while self._waiting and perf_counter() < end:
                self._waiting.popleft()()
        finally:
            # The fault of one socket stops no other.
            self._timer = self._loop.call_later(REST, self._run) if self._waiting else None


class Inflow:
    """The bytes of one client that wait to be handled, and whether more are read.

    `handle` is called with one piece after the other. Nothing is read while bytes wait, while the client has
    exceeded its rates, and between `hold` and `release`. `on_flood` is called when it does so for too long.
    """

    __slots__ = (
        "_data",
        "_handle",
        "_is_held",
        "_is_paused",
        "_is_queued",
        "_loop",
        "_offset",
        "_on_flood",
        "_rates",
        "_timer",
        "_transport",
        "_turns",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        turns: TurnQueue,
        rates: SocketRates,
        handle: Callable[[bytes], None],
        on_flood: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._turns = turns
        self._rates = rates
        self._handle = handle
        self._on_flood = on_flood
        self._data = b""
        self._offset = 0
        self._is_held = False
        self._is_paused = False
        self._is_queued = False
        self._timer: asyncio.TimerHandle | None = None

    def receive(self, data: bytes) -> None:
        """Handle the bytes, now or when it is the socket's turn."""
        is_idle = not self._is_paused
        self._data = self._data[self._offset :] + data if self._data else data
        self._offset = 0
        if is_idle:
            self._work()

    def hold(self) -> None:
        """Handle and read nothing until `release`."""
        self._is_held = True
        self._pause()

    def release(self) -> None:
        """Go on after `hold`."""
        self._is_held = False
        self._go_on()

    def stop(self) -> None:
        """Forget what waits, and the socket, which is gone."""
        self._data, self._offset = b"", 0
        self._handle, self._on_flood = _ignore, _ignore
        if self._timer is not None:
            self._timer.cancel()

    def _work(self) -> None:
        """Handle what waits, for one turn."""
        now = perf_counter()
        end, delay, size = now + TURN, 0.0, PIECE
        while self._offset < len(self._data) and not self._is_held:
            piece = self._data[self._offset : self._offset + size]
            self._offset += len(piece)
            self._handle(piece)
            start, now = now, perf_counter()
            size = LONG_PIECE if now - start < QUICK else PIECE
            if (delay := self._rates.delay(now)) or now >= end:
                break
        if self._offset >= len(self._data):
            self._data, self._offset = b"", 0
        if delay:
            self._pause()
            self._timer = self._loop.call_later(delay, self._end_delay)
            if self._rates.is_flooded(now):
                self._on_flood()
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Take a place in the queue if bytes wait; otherwise read."""
        if self._is_held or self._is_queued or self._timer is not None:
            return
        if self._data:
            self._pause()
            self._is_queued = True
            self._turns.add(self._take_turn)
        else:
            self._resume()

    def _take_turn(self) -> None:
        self._is_queued = False
        self._work()

    def _end_delay(self) -> None:
        self._timer = None
        self._go_on()

    def _pause(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
