"""The spans of the commits that a process works with."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from domain.kernel.errors import Unavailable
from eventstore.lru import LruCache
from eventstore.reading.commit_spans import CommitSpans

CACHED = 10_000
"""Commits whose spans are cached: those that this process has stored or read last."""

NO_SPAN = b""


class KnownSpans:
    """Finds the spans in which commits were stored: in memory, else in the log."""

    def __init__(self, stored: CommitSpans) -> None:
        self._stored = stored
        self._cache: LruCache[int, bytes] = LruCache(CACHED)

    def add(self, position: int, span: bytes | None) -> None:
        """Cache the span of a commit, None if it has none."""
        self._cache.put(position, span or NO_SPAN)

    async def find(self, positions: Collection[int]) -> list[bytes]:
        """Return the packed spans of the commits that have one, in the order of positions.

        Those that MongoDB does not return now are left out: no work waits for its trace.
        """
        missing = [position for position in positions if self._cache.get(position) is None]
        if missing:
            with suppress(Unavailable):
                stored = await self._stored.read(missing)
                for position in missing:
                    self.add(position, stored.get(position))
        return [span for position in sorted(positions) if (span := self._cache.get(position))]
