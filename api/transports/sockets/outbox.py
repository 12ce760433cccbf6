"""Writes to sockets: joined, as each is a system call, and kept back for slow clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

COALESCED_BYTES = 65_536
"""Bytes that are worth a write of their own."""


def _ignore() -> None:
    """Stands for the callbacks of a socket that ends."""


class WriteCoalescer:
    """Joins what is written in one iteration of the loop, with one callback at its end for all outboxes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.iteration = 0
        """Counts the iterations in which something was written."""
        self.started = False
        """Whether something was written in this one."""
        self._loop = loop
        self._waiting: list[Outbox] = []

    def start(self) -> None:
        """Note that something is written in this iteration."""
        self.started = True
        self._loop.call_soon(self._end)

    def flush_later(self, outbox: Outbox) -> None:
        """Flush the outbox at the end of this iteration."""
        self._waiting.append(outbox)

    def _end(self) -> None:
        self.started = False
        self.iteration += 1
        waiting, self._waiting = self._waiting, []
        for outbox in waiting:
            outbox.flush()


class Outbox:
    """What goes out over one socket, in order.

    The transport pauses its protocol as soon as it has unsent bytes, and resumes it when it has none. In
    between, what is written waits here, as the pieces that sockets share. `on_full` is called when more than
    `limit` bytes wait, and `on_drained` when less than a quarter of `limit` is left of them.
    """

    __slots__ = (
        "_coalescer",
        "_free",
        "_full",
        "_iteration",
        "_limit",
        "_on_drained",
        "_on_full",
        "_pieces",
        "_sealed",
        "_size",
        "_transport",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        coalescer: WriteCoalescer,
        limit: int,
        on_full: Callable[[], None],
        on_drained: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._coalescer = coalescer
        self._limit = limit
        self._on_full = on_full
        self._on_drained = on_drained
        self._iteration = -1
        self._pieces: list[bytes] = []
        self._size = 0
        self._free = True
        self._full = False
        self._sealed = False

    @property
    def stuck(self) -> int:
        """Bytes that the kernel could not take. It gets no others before it has taken these."""
        return self._transport.get_write_buffer_size()

    @property
    def outstanding(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._size + self.stuck

    def write(self, piece: bytes) -> None:
        """Send the piece behind all that was written before; a sealed outbox drops it.

        The first piece of an iteration goes to the transport at once, the others together at the end.
        """
        coalescer = self._coalescer
        if self._free and self._iteration != coalescer.iteration:
            if not coalescer.started:
                coalescer.start()
            self._iteration = coalescer.iteration
            self._transport.write(piece)
        elif not self._sealed:
            self._keep(piece)

    def flush(self) -> None:
        """Pass waiting pieces to the transport as long as it takes them."""
        while self._pieces and self._free:
            self._transport.write(self._take())

    def pause(self) -> None:
        """Keep what is written: the transport has unsent bytes."""
        self._free = False

    def resume(self) -> None:
        """Write again: the transport has sent everything."""
        self._free = not self._sealed
        self.flush()
        if self._full and self._size <= self._limit // 4:
            self._full = False
            self._on_drained()

    def seal(self) -> None:
        """Pass everything that waits to the transport, and accept nothing more. The callbacks are dropped."""
        self._on_full = self._on_drained = _ignore
        self._sealed, self._free, self._full = True, False, False
        if self._pieces and not self._transport.is_closing():
            self._transport.write(b"".join(self._pieces))
        self._pieces, self._size = [], 0

    def _keep(self, piece: bytes) -> None:
        if self._free and not self._pieces:
            self._coalescer.flush_later(self)
        self._pieces.append(piece)
        self._size += len(piece)
        if self._free and self._size >= COALESCED_BYTES:
            self.flush()
        if self._size > self._limit and not self._full and not self._free:
            self._full = True
            self._on_full()

    def _take(self) -> bytes:
        """Return the first pieces as one, as many as are worth a write."""
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
