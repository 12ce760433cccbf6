"""The open sockets of a process, with their limits and what they share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from api.access.client_addresses import client_network
from api.access.origins import OriginPolicy
from api.connections.open_connections import ConnectionKind, OpenConnection
from api.limits.places import Places
from api.transports.endpoint import Endpoint
from api.transports.heartbeats import Heartbeats, MonitoredConnection
from api.transports.origin_guard import RefusalReports
from api.transports.sockets.inflow import TurnQueue
from api.transports.sockets.outbox import WriteCoalescer
from api.transports.sockets.socket_rates import SocketRates

COUNTED_CODES = frozenset({1000, 1001, 1002, 1005, 1006, 1007, 1009, 1011, 1012, 1013, *range(4400, 4430)})
"""Close codes with a count of their own. All others are counted together, as clients may send any."""

MIN_UNINITIALISED = 100
"""Sockets that may wait for `connection_init` in any case: a quarter of all, and a hundredth for an address.

They often come and go together, and each takes half a millisecond of the event loop.
"""


ABORTED = 1006
"""The code of a socket that ended without a close frame of the server."""

PLACE_TIME = 1.0
"""Seconds after which the place of a socket that its client dropped before `connection_init` is free.

A client that opens and drops sockets all the time would otherwise keep the event loop busy. The places of
one client come back one after the other, evenly over as many seconds: if all that it dropped at once came
back at once, it would keep the process busy with all of them again.
"""


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """`max_message` and `max_outstanding` are in bytes for each socket, the times in seconds.

    The rates are operations and frames that a client may send over a socket per second.
    """

    max_message: int
    max_outstanding: int
    max_operations: int
    max_sockets: int
    max_operation_rate: float
    max_frame_rate: float
    init_timeout: float
    ping_interval: float
    close_timeout: float = 4.0
    """For queued bytes to be sent and the client to answer the close frame, before the socket is aborted."""
    flood_grace: float = 10.0
    """For a client that exceeds the rates all the time, before its socket is closed."""

    def rates(self, now: float) -> SocketRates:
        """Return the rates of a new socket."""
        return SocketRates(
            self.max_operation_rate, self.max_frame_rate, self.max_operations, self.flood_grace, now
        )

    @property
    def flood_reason(self) -> str:
        """The reason with which a flooded socket is closed."""
        return (
            f"Too many requests: more than {self.max_operation_rate:g} operations or "
            f"{self.max_frame_rate:g} frames a second"
        )


class Socket(OpenConnection, MonitoredConnection, Protocol):
    """A socket as the registry counts it."""

    @property
    def code(self) -> int: ...


class SocketRegistry:
    """The open sockets of a process; created in the loop that serves them.

    Handshakes are accepted at `paths`, of which error messages name the first, and from pages that `policy`
    accepts. `on_closed` is called with the close code of each socket that has closed.
    """

    kind: ConnectionKind = "SOCKET"

    def __init__(
        self,
        endpoint: Endpoint,
        limits: SocketLimits,
        paths: Sequence[str],
        policy: OriginPolicy,
        on_closed: Callable[[str], None],
    ) -> None:
        self.endpoint = endpoint
        self.limits = limits
        self.paths = paths
        self.policy = policy
        self.refusals = RefusalReports()
        self.loop = asyncio.get_running_loop()
        self.coalescer = WriteCoalescer(self.loop)
        self.turns = TurnQueue(self.loop)
        self._on_closed = on_closed
        self._draining = False
        self._open: set[Socket] = set()
        self._waiting: dict[Socket, str] = {}
        """The sockets that are not initialised yet, with the owner of each."""
        limit_each = max(MIN_UNINITIALISED, limits.max_sockets // 100)
        self._uninitialised = Places(max(MIN_UNINITIALISED, limits.max_sockets // 4), limit_each)
        self._return_interval = PLACE_TIME / limit_each
        self._last_returns: dict[str, float] = {}
        """When the last place comes back of each owner that has dropped sockets."""
        self._heartbeats = Heartbeats(self.loop, limits.ping_interval)

    @property
    def full(self) -> bool:
        """Whether no more sockets are accepted."""
        return self._draining or len(self._open) >= self.limits.max_sockets

    def is_full_for(self, address: str | None) -> bool:
        """Return whether the client has as many sockets that are not initialised as one may have."""
        return self._uninitialised.are_taken or self._uninitialised.has_all(_owner(address))

    @property
    def open(self) -> int:
        """The number of open sockets."""
        return len(self._open)

    def connections(self) -> Iterable[OpenConnection]:
        """Return the open sockets."""
        return self._open

    @property
    def operations(self) -> int:
        """The number of operations that run over them."""
        return sum(socket.operations for socket in self._open)

    @property
    def outstanding(self) -> int:
        """Bytes that wait in this process for clients to take them."""
        return sum(socket.outstanding for socket in self._open)

    def add(self, socket: Socket, address: str | None) -> None:
        """Register a socket that was accepted, from a client with this address."""
        self._open.add(socket)
        self._heartbeats.add(socket)
        self._waiting[socket] = _owner(address)
        self._uninitialised.take(self._waiting[socket])

    def initialise(self, socket: Socket) -> None:
        """Note that the socket's client was admitted."""
        if owner := self._waiting.pop(socket, None):
            self._uninitialised.give_back(owner)

    def remove(self, socket: Socket) -> None:
        """Remove a socket that has closed."""
        if socket in self._open:
            self._open.discard(socket)
            if socket in self._waiting and socket.code == ABORTED:
                self._return_later(self._waiting.pop(socket))
            self.initialise(socket)
            self._heartbeats.discard(socket)
            self._on_closed(str(socket.code) if socket.code in COUNTED_CODES else "other")

    def _return_later(self, owner: str) -> None:
        last = self._last_returns.get(owner, 0.0)
        at = max(self.loop.time() + PLACE_TIME, last + self._return_interval)
        self._last_returns[owner] = at
        self.loop.call_at(at, self._return_place, owner, at)

    def _return_place(self, owner: str, at: float) -> None:
        self._uninitialised.give_back(owner)
        if self._last_returns[owner] == at:
            del self._last_returns[owner]

    def drain(self) -> None:
        """Accept no more sockets."""
        self._draining = True


def _owner(address: str | None) -> str:
    return "" if address is None else client_network(address)
