"""What a live stream and the receiver of its results expect of each other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, Protocol

from typing_extensions import TypeVar

R = TypeVar("R", default=bytes)
"""What a message is rendered to: bytes for clients; a consumer inside the process takes it as it is."""


T = TypeVar("T")


class Chunk(Generic[R]):
    """Results in their order, shared by all sinks to which they are delivered at once.

    `written` is what the last sink wrote of them; a sink with the same `written_for` writes the same.
    """

    __slots__ = ("_cache", "results", "written", "written_for")

    def __init__(self, results: Sequence[R]) -> None:
        self.results = results
        self.written_for: object = None
        self.written = b""
        self._cache: dict[Hashable, Any] | None = None

    def cached(self, make: Callable[[Sequence[R]], T]) -> T:
        """Return what `make`, which is hashable, makes of the results; it is called once for all sinks."""
        if self._cache is None:
            self._cache = {}
        made: T | None = self._cache.get(make)
        if made is None:
            made = self._cache[make] = make(self.results)
        return made


class Sink(Protocol[R]):
    """Where one subscriber's results go. Neither method waits or raises."""

    def deliver(self, chunk: Chunk[R]) -> None:
        """Accept these results; a sink that has enough outstanding pauses its subscription."""

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        """Accept that nothing follows: the stream is complete, or ends because of these errors."""


class Subscription(Protocol):
    """A running subscription, for the code that opened it. None of its methods waits or raises."""

    def pause(self) -> None:
        """Deliver nothing until `resume`."""

    def resume(self) -> None:
        """Continue with what comes next for this subscriber."""

    def close(self) -> None:
        """End the subscription; nothing more is delivered."""
