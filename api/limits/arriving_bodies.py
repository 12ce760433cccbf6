"""The memory of request bodies that have not arrived completely.

A client that sends most of a body, and then nothing, keeps it in memory until its time is over. So the bodies
of one client are counted together: those over HTTP that are being received, whatever they are for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from domain.kernel.limit_errors import RateLimited

MAX_ARRIVING_BYTES = 64_000_000
"""Bytes of the bodies of one client that are arriving."""

MIN_BYTES = 262_144
"""Bytes that count for any body: one read from a connection may bring as many."""


class ArrivingBodies:
    """Counts the bodies of each client. `on_refused` is called for each that does not fit."""

    def __init__(self, on_refused: Callable[[], None], limit: int = MAX_ARRIVING_BYTES) -> None:
        self._on_refused = on_refused
        self._limit = limit
        self._bytes: Counter[str] = Counter()

    @property
    def clients(self) -> int:
        """The number of clients of which bodies are arriving."""
        return len(self._bytes)

    def of(self, client: str) -> ArrivingBody:
        """Return the body of a request of this client."""
        return ArrivingBody(self, client)

    def take(self, client: str, size: int) -> None:
        """Count so many bytes; raises RateLimited where they do not fit."""
        if self._bytes.get(client, 0) + size > self._limit:
            self._on_refused()
            raise RateLimited(
                f"the requests of this client that are arriving have more than {self._limit} bytes; "
                "send fewer at a time, each without a pause"
            )
        self._bytes[client] += size

    def give_back(self, client: str, size: int) -> None:
        """Forget bytes that were counted."""
        self._bytes[client] -= size
        if not self._bytes[client]:
            del self._bytes[client]


class ArrivingBody:
    """One body, which counts until the end of its block."""

    __slots__ = ("_bodies", "_client", "_counted", "_size")

    def __init__(self, bodies: ArrivingBodies, client: str) -> None:
        self._bodies = bodies
        self._client = client
        self._counted = self._size = 0

    def grow(self, size: int) -> None:
        """Note that the body has so many more bytes; raises RateLimited where they do not fit."""
        self._size += size
        if self._size > self._counted:
            self._bodies.take(self._client, self._size - self._counted)
            self._counted = self._size

    def __enter__(self) -> Self:
        self._bodies.take(self._client, MIN_BYTES)
        self._counted = MIN_BYTES
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bodies.give_back(self._client, self._counted)
