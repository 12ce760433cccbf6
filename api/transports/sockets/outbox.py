"""Writing to sockets: what one iteration of the loop has for a socket goes out as one piece."""

from __future__ import annotations

import asyncio

JOINED = 65_536
"""Bytes that are worth a write of their own. It bounds what waits here beside the transport's own buffer."""


class Joint:
    """The outboxes of a process that hold something; they are flushed at the end of the loop's iteration."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._holding: list[Outbox] = []

    def add(self, outbox: Outbox) -> None:
        """Flush it soon; one callback serves all."""
        if not self._holding:
            self._loop.call_soon(self._flush)
        self._holding.append(outbox)

    def _flush(self) -> None:
        holding, self._holding = self._holding, []
        for outbox in holding:
            outbox.flush()


class Outbox:
    """What goes out over one socket, in order."""

    __slots__ = ("_joint", "_pieces", "_sealed", "_size", "_transport", "_written")

    def __init__(self, transport: asyncio.Transport, joint: Joint) -> None:
        self._transport = transport
        self._joint = joint
        self._pieces: list[bytes] = []
        self._size = 0
        self._written = 0
        self._sealed = False

    @property
    def outstanding(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._size + self._transport.get_write_buffer_size()

    @property
    def taken(self) -> int:
        """Bytes that the kernel has taken since the beginning."""
        return self._written - self._transport.get_write_buffer_size()

    def write(self, piece: bytes) -> None:
        """Send it after what was written before; nothing where the outbox is sealed."""
        if self._sealed:
            return
        if not self._pieces:
            self._joint.add(self)
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= JOINED:
            self.flush()

    def flush(self) -> None:
        """Hand over to the transport what waits; may make it call the protocol's `pause_writing`."""
        if pieces := self._pieces:
            self._pieces = []
            self._written += self._size
            self._size = 0
            if not self._transport.is_closing():
                self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def seal(self) -> None:
        """Flush; nothing goes out any more."""
        self._sealed = True
        self.flush()
