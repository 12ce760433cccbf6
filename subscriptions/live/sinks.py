"""What a live stream and the one who takes its results know of each other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, Protocol

from typing_extensions import TypeVar

R = TypeVar("R", default=bytes)
"""What a message becomes: bytes for clients; who watches inside the process takes it as it is."""


T = TypeVar("T")


class Chunk(Generic[R]):
    """Results in their order, shared by all to whom they are delivered at once.

    `piece` is what the last sink wrote of them, under a `key` by which the next one knows it as its own.
    """

    __slots__ = ("_made", "key", "piece", "results")

    def __init__(self, results: Sequence[R]) -> None:
        self.results = results
        self.key: object = None
        self.piece = b""
        self._made: dict[Hashable, Any] = {}

    def made(self, make: Callable[[Sequence[R]], T]) -> T:
        """What a wire makes of all of them; all who make it by the same, which is hashable, share it."""
        found: T | None = self._made.get(make)
        if found is None:
            found = self._made[make] = make(self.results)
        return found


class Sink(Protocol[R]):
    """Where one subscriber's results go. Neither method waits or raises."""

    def deliver(self, chunk: Chunk[R]) -> None:
        """Take these; who has taken enough pauses its subscription."""

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        """Nothing follows: the stream is complete, or was refused or broke off with these errors."""


class Subscription(Protocol):
    """A running subscription, in the hand of whoever opened it. None of its methods waits or raises."""

    def pause(self) -> None:
        """Deliver nothing until `resume`: the sink has enough outstanding."""

    def resume(self) -> None:
        """Go on where it was."""

    def close(self) -> None:
        """The subscriber is gone; nothing more is delivered."""
