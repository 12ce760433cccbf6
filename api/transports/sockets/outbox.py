"""Writing to sockets: joined, because a write is a system call, and held back where a client reads slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

COALESCED_BYTES = 65_536
"""Bytes that are worth a write of their own."""


class WriteCoalescer:
    """What the outboxes of a process join: the iterations of its loop, with one callback at their ends."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.iteration = 0
        """Counts those in which something was written."""
        self.begun = False
        """Whether something was written in this one."""
        self._loop = loop
        self._holding: list[Outbox] = []

    def begin(self) -> None:
        """Something is written in this iteration."""
        self.begun = True
        self._loop.call_soon(self._end)

    def hold(self, outbox: Outbox) -> None:
        """Flush it at the end of this iteration."""
        self._holding.append(outbox)

    def _end(self) -> None:
        self.begun = False
        self.iteration += 1
        holding, self._holding = self._holding, []
        for outbox in holding:
            outbox.flush()


class Outbox:
    """What goes out over one socket, in order.

    The transport is to pause its protocol as soon as it holds anything, and to resume it when it holds
    nothing: then what is written waits here, as the pieces that others share, and more than `limit` bytes
    of it are told by `overflowing`; that it is less than a quarter of those again, by `relieved`.
    """

    __slots__ = (
        "_free", "_iteration", "_joint", "_limit", "_over", "_pieces", "_sealed", "_size", "_transport",
        "overflowing", "relieved",
    )  # fmt: skip

    def __init__(self, transport: asyncio.Transport, joint: WriteCoalescer, limit: int) -> None:
        self._transport = transport
        self._joint = joint
        self._limit = limit
        self._iteration = -1
        self._pieces: list[bytes] = []
        self._size = 0
        self._free = True
        self._over = False
        self._sealed = False
        self.overflowing: Callable[[], None] = _nothing
        self.relieved: Callable[[], None] = _nothing

    @property
    def stuck(self) -> int:
        """Bytes that the kernel could not take; it is given no others before it has."""
        return self._transport.get_write_buffer_size()

    @property
    def outstanding(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._size + self.stuck

    def write(self, piece: bytes) -> None:
        """Send it after what was written before; nothing where the outbox is sealed.

        The first of an iteration goes to the transport at once, those that follow it at the end, as one.
        """
        joint = self._joint
        if self._free and self._iteration != joint.iteration:
            if not joint.begun:
                joint.begin()
            self._iteration = joint.iteration
            self._transport.write(piece)
        elif not self._sealed:
            self._keep(piece)

    def flush(self) -> None:
        """Hand over to the transport what waits, as far as it takes it."""
        while self._pieces and self._free:
            self._transport.write(self._take())

    def pause(self) -> None:
        """The transport has enough."""
        self._free = False

    def resume(self) -> None:
        """The transport holds nothing any more."""
        self._free = not self._sealed
        self.flush()
        if self._over and self._size <= self._limit // 4:
            self._over = False
            self.relieved()

    def seal(self) -> None:
        """Nothing goes out any more but what was written; the transport gets all of that."""
        self._sealed, self._free, self._over = True, False, False
        if self._pieces and not self._transport.is_closing():
            self._transport.write(b"".join(self._pieces))
        self._pieces, self._size = [], 0

    def _keep(self, piece: bytes) -> None:
        if self._free and not self._pieces:
            self._joint.hold(self)
        self._pieces.append(piece)
        self._size += len(piece)
        if self._free and self._size >= COALESCED_BYTES:
            self.flush()
        if self._size > self._limit and not self._over and not self._free:
            self._over = True
            self.overflowing()

    def _take(self) -> bytes:
        """The first pieces as one, as many as are worth a write."""
        if self._size <= COALESCED_BYTES:
            pieces, self._pieces, self._size = self._pieces, [], 0
            return b"".join(pieces)
        size = taken = 0
        while size < COALESCED_BYTES:
            size += len(self._pieces[taken])
            taken += 1
        piece = b"".join(self._pieces[:taken])
        del self._pieces[:taken]
        self._size -= size
        return piece


def _nothing() -> None:
    pass
