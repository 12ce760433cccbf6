"""The work in the memory of a worker, by what it waits for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from heapq import heappop, heappush
from itertools import count

from subscriptions.processes.held_work import HeldWork, WorkKey


class WorkMemory:
    """Work of a partition that is under way, waits for room in its channel, or is due later.

    `limits` are how many pieces of each channel may be under way at a time. What is under way includes work
    with a timer, which is due within a moment.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self.limits = limits
        self.under_way: dict[WorkKey, HeldWork] = {}
        self.later: dict[WorkKey, HeldWork] = {}
        self._queues: dict[str, dict[WorkKey, HeldWork]] = {channel: {} for channel in limits}
        self._counts: Counter[str] = Counter()
        self._awaiting: list[tuple[int, int, HeldWork]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return sum(map(len, self._all()))

    def __contains__(self, key: WorkKey) -> bool:
        # Nearly all work is under way.
        return key in self.under_way or any(key in works for works in self.waiting())

    def __iter__(self) -> Iterator[HeldWork]:
        for works in self._all():
            yield from works.values()

    @property
    def has_waiting(self) -> bool:
        """Whether work waits for room, or until it is due."""
        return any(self.waiting())

    def waiting(self) -> tuple[dict[WorkKey, HeldWork], ...]:
        """Return the work that is due later, and the queue of each channel."""
        return (self.later, *self._queues.values())

    def room(self, channel: str) -> int:
        """Return how many more pieces of a channel may be under way."""
        return self.limits[channel] - self._counts[channel]

    def enter(self, held: HeldWork) -> None:
        """Count work as under way."""
        self.under_way[held.key] = held
        self._counts[held.work.channel] += 1

    def is_under_way(self, held: HeldWork) -> bool:
        """Return whether this very piece of work is under way."""
        return self.under_way.get(held.key) is held

    def leave(self, held: HeldWork) -> HeldWork | None:
        """Take out work that was under way; return the next piece of its channel that waits for room."""
        channel = held.work.channel
        del self.under_way[held.key]
        self._counts[channel] -= 1
        queue = self._queues[channel]
        return queue.pop(next(iter(queue))) if queue else None

    def set_awaiting(self, held: HeldWork, position: int) -> None:
        """Let work that is under way wait for a position of the log."""
        heappush(self._awaiting, (position, next(self._numbers), held))

    def take_awaiting(self, position: int) -> Iterator[HeldWork]:
        """Yield the work that waits for this position or an earlier one, and no longer waits."""
        while self._awaiting and self._awaiting[0][0] <= position:
            held = heappop(self._awaiting)[2]
            if self.is_under_way(held):
                held.awaited = None
                yield held

    def enqueue(self, held: HeldWork) -> None:
        """Let work wait for room in its channel."""
        self._queues[held.work.channel][held.key] = held

    def take_waiting(self, key: WorkKey) -> HeldWork | None:
        """Take out work that waits; None if none of this key does."""
        for works in self.waiting():
            if key in works:
                return works.pop(key)
        return None

    def is_waiting(self, held: HeldWork) -> bool:
        """Return whether this very piece of work waits."""
        return any(works.get(held.key) is held for works in self.waiting())

    def clear(self) -> list[HeldWork]:
        """Forget all work; return what was under way."""
        for works in self.waiting():
            works.clear()
        under_way, self.under_way = list(self.under_way.values()), {}
        self._counts.clear()
        self._awaiting.clear()
        return under_way

    def _all(self) -> tuple[dict[WorkKey, HeldWork], ...]:
        return (self.under_way, *self.waiting())
