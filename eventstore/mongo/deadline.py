"""The time until which MongoDB may work for the request of a client."""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import ContextVar
from math import ceil
from time import monotonic


class RequestDeadline:
    """A time on the monotonic clock. After its request has ended it limits nothing.

    A task that is started during a request keeps the request's context, and may serve others afterwards.
    """

    __slots__ = ("_at", "_is_over")

    def __init__(self, seconds: float) -> None:
        self._at = monotonic() + seconds
        self._is_over = False

    def end(self) -> None:
        """Stop limiting reads: the request has ended."""
        self._is_over = True

    @property
    def milliseconds_left(self) -> int | None:
        """At least 1, because 0 means no limit to MongoDB; None for a request that has ended."""
        return None if self._is_over else max(1, ceil((self._at - monotonic()) * 1000))


_current: ContextVar[RequestDeadline | None] = ContextVar("deadline", default=None)


def deadline(seconds: float) -> AbstractContextManager[None]:
    """Let MongoDB end reads that begin within the block when the seconds are over."""
    return _DeadlineBlock(seconds)


class _DeadlineBlock(AbstractContextManager[None]):
    __slots__ = ("_limit", "_token")

    def __init__(self, seconds: float) -> None:
        self._limit = RequestDeadline(seconds)

    def __enter__(self) -> None:
        self._token = _current.set(self._limit)

    def __exit__(self, *_error: object) -> None:
        self._limit.end()
        _current.reset(self._token)


def milliseconds_left() -> int | None:
    """Return the time that a read may take; None without a deadline."""
    limit = _current.get()
    return None if limit is None else limit.milliseconds_left
