"""The latest messages of a topic, kept within bounds for subscribers that are behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

M = TypeVar("M")
R = TypeVar("R")


class RingEntry(NamedTuple, Generic[M, R]):
    """A published message and its rendered result.

    `alternate` is the result for subscribers whose filter chooses the alternate form. `weight` is in bytes.
    """

    message: M
    result: R
    alternate: R | None
    weight: int


@dataclass(slots=True)
class RingLimits:
    """Upper bounds of a ring in entries and bytes, and in `total` bytes of all rings that share these limits.

    A batch is delivered in chunks of about `chunk` bytes. `used` is the current size of all rings in bytes.
    """

    entries: int = 1_000
    weight: int = 1_000_000
    total: int = 16_000_000
    chunk: int = 65_536
    used: int = 0


class MessageRing(Generic[M, R]):
    """The latest entries; the oldest one has the offset `start`."""

    __slots__ = ("_entries", "_limits", "_weight", "start")

    def __init__(self, limits: RingLimits) -> None:
        self._limits = limits
        self._entries: deque[RingEntry[M, R]] = deque()
        self._weight = 0
        self.start = 0

    def extend(self, offset: int, entries: Sequence[RingEntry[M, R]]) -> None:
        """Append the entries that follow the present ones; the first of them has this offset."""
        if not self._entries:
            self.start = offset
        weight = sum(entry.weight for entry in entries)
        self._entries.extend(entries)
        self._weight += weight
        self._limits.used += weight

    @property
    def is_overfull(self) -> bool:
        """Whether the oldest entry must be evicted."""
        limits = self._limits
        return bool(self._entries) and (
            len(self._entries) > limits.entries or self._weight > limits.weight or limits.used > limits.total
        )

    def evict(self) -> RingEntry[M, R]:
        """Remove and return the oldest entry, the one at `start`."""
        entry = self._entries.popleft()
        self.start += 1
        self._weight -= entry.weight
        self._limits.used -= entry.weight
        return entry

    def entries_from(self, offset: int) -> list[RingEntry[M, R]]:
        """Return the entries from this offset on, which is not before `start`."""
        return list(islice(self._entries, max(offset - self.start, 0), None))

    def clear(self) -> None:
        """Remove all entries."""
        self._limits.used -= self._weight
        self._weight = 0
        self._entries.clear()
