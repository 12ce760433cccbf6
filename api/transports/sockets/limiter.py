"""Limits how many queries and mutations of one socket run at a time."""

from __future__ import annotations

from typing import Protocol

MAX_RUNNING = 32
"""Operations of one socket that run at a time. Each may make a response of the largest size."""


class Startable(Protocol):
    """An operation that runs when the limiter starts it."""

    def start(self) -> None:
        """Run the operation in a task."""


class Limiter:
    """Starts operations in their order, a few at a time, and none while it is paused."""

    def __init__(self) -> None:
        self._waiting: dict[Startable, None] = {}
        self._running: set[Startable] = set()
        self._paused = False

    def add(self, operation: Startable) -> None:
        """Start the operation, now or when others have ended."""
        self._waiting[operation] = None
        self._start()

    def remove(self, operation: Startable) -> None:
        """Forget an operation that has ended or is cancelled."""
        self._waiting.pop(operation, None)
        self._running.discard(operation)
        self._start()

    def pause(self) -> None:
        """Start no more for now, because the client does not take the results of those that run."""
        self._paused = True

    def resume(self) -> None:
        """Start operations again."""
        self._paused = False
        self._start()

    def _start(self) -> None:
        while self._waiting and not self._paused and len(self._running) < MAX_RUNNING:
            operation = next(iter(self._waiting))
            del self._waiting[operation]
            self._running.add(operation)
            operation.start()
