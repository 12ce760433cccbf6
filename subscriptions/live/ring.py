"""What a group told last, kept for those of its subscribers who are behind, within bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

M = TypeVar("M")
R = TypeVar("R")


class RingEntry(NamedTuple, Generic[M, R]):
    """A message as it was told, and `other`, as it is told to those who see it otherwise; its bytes."""

    message: M
    result: R
    other: R | None
    weight: int


@dataclass(slots=True)
class RingLimits:
    """What a ring holds at most, in entries and bytes, and in `total` bytes all rings that share this.

    `chunk` are the bytes that are worth a chunk of their own. `used` is what all rings hold by now.
    """

    entries: int = 1_000
    weight: int = 1_000_000
    total: int = 16_000_000
    chunk: int = 65_536
    used: int = 0


class MessageRing(Generic[M, R]):
    """The latest entries, numbered from `start` on."""

    __slots__ = ("_entries", "_limits", "_weight", "start")

    def __init__(self, limits: RingLimits) -> None:
        self._limits = limits
        self._entries: deque[RingEntry[M, R]] = deque()
        self._weight = 0
        self.start = 0

    def extend(self, number: int, entries: Sequence[RingEntry[M, R]]) -> None:
        """Add entries, of which the first has this number; they follow what is there."""
        if not self._entries:
            self.start = number
        weight = sum(entry.weight for entry in entries)
        self._entries.extend(entries)
        self._weight += weight
        self._limits.used += weight

    @property
    def overfull(self) -> bool:
        """Whether the oldest must go."""
        limits = self._limits
        return bool(self._entries) and (
            len(self._entries) > limits.entries or self._weight > limits.weight or limits.used > limits.total
        )

    def drop(self) -> RingEntry[M, R]:
        """Take out the oldest, whose number is `start`."""
        entry = self._entries.popleft()
        self.start += 1
        self._weight -= entry.weight
        self._limits.used -= entry.weight
        return entry

    def since(self, number: int) -> list[RingEntry[M, R]]:
        """What there is from this number on, which is not before `start`."""
        return list(islice(self._entries, max(number - self.start, 0), None))

    def clear(self) -> None:
        """Hold nothing."""
        self._limits.used -= self._weight
        self._weight = 0
        self._entries.clear()
