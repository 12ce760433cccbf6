"""Which of a socket's queries and mutations run now."""

from __future__ import annotations

from typing import Protocol

MAX_RUNNING = 32
"""Those of one socket that run at a time: each may make a response as large as a response may be."""


class Startable(Protocol):
    """One of them."""

    def start(self) -> None:
        """Its turn has come."""


class Limiter:
    """Starts a few at a time, in their order, and none while it is held."""

    def __init__(self) -> None:
        self._waiting: dict[Startable, None] = {}
        self._running: set[Startable] = set()
        self._held = False

    def add(self, one: Startable) -> None:
        """Start it when its turn comes, which may be now."""
        self._waiting[one] = None
        self._start()

    def remove(self, one: Startable) -> None:
        """It is done, or shall not be done."""
        self._waiting.pop(one, None)
        self._running.discard(one)
        self._start()

    def hold(self) -> None:
        """Start none for now: what runs makes more than the client takes."""
        self._held = True

    def release(self) -> None:
        """Go on."""
        self._held = False
        self._start()

    def _start(self) -> None:
        while self._waiting and not self._held and len(self._running) < MAX_RUNNING:
            one = next(iter(self._waiting))
            del self._waiting[one]
            self._running.add(one)
            one.start()
