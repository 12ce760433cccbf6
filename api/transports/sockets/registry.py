"""All sockets of a process: their limits, and what they have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from api.access.origins import OriginPolicy
from api.transports.endpoint import Endpoint
from api.transports.heartbeats import Heartbeats, MonitoredConnection
from api.transports.origin_guard import RefusalReports
from api.transports.sockets.outbox import WriteCoalescer

COUNTED_CODES = frozenset({1000, 1001, 1002, 1005, 1006, 1007, 1009, 1011, 1012, 1013, *range(4400, 4430)})
"""Close codes that are counted each. A client may send any other: those are counted as one."""


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """`max_message` and `max_outstanding` are in bytes for each socket, the times in seconds."""

    max_message: int
    max_outstanding: int
    max_operations: int
    max_sockets: int
    init_timeout: float
    ping_interval: float
    parting: float = 4.0
    """For what is queued to get out and for an answer to the close, before a socket is cut."""


class Socket(MonitoredConnection, Protocol):
    """One of them, as it is counted."""

    @property
    def operations(self) -> int: ...

    @property
    def outstanding(self) -> int: ...

    @property
    def code(self) -> int: ...


class SocketRegistry:
    """The open sockets of a process; made in the loop that serves them.

    Handshakes are accepted at `paths`, the first of which is named to clients, and from pages that `policy`
    lets in. `closed` is called with the close code of each socket that is gone.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        limits: SocketLimits,
        paths: Sequence[str],
        policy: OriginPolicy,
        closed: Callable[[str], None],
    ) -> None:
        self.endpoint = endpoint
        self.limits = limits
        self.paths = paths
        self.policy = policy
        self.refusals = RefusalReports()
        self.loop = asyncio.get_running_loop()
        self.joint = WriteCoalescer(self.loop)
        self._closed = closed
        self.draining = False
        self._open: set[Socket] = set()
        self._sweep = Heartbeats(self.loop, limits.ping_interval)

    @property
    def full(self) -> bool:
        """Whether no socket more is served."""
        return self.draining or len(self._open) >= self.limits.max_sockets

    @property
    def open(self) -> int:
        """How many are open."""
        return len(self._open)

    @property
    def operations(self) -> int:
        """How many operations run over them."""
        return sum(socket.operations for socket in self._open)

    @property
    def outstanding(self) -> int:
        """Bytes that wait in this process until a client takes them."""
        return sum(socket.outstanding for socket in self._open)

    def add(self, socket: Socket) -> None:
        """It was accepted."""
        self._open.add(socket)
        self._sweep.add(socket)

    def remove(self, socket: Socket) -> None:
        """It is gone."""
        if socket in self._open:
            self._open.discard(socket)
            self._sweep.discard(socket)
            self._closed(str(socket.code) if socket.code in COUNTED_CODES else "other")
