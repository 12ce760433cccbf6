"""The rows that one execution reads and returns: read in batches, and limited in number."""

from __future__ import annotations

from asyncio import Lock, Semaphore
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from strawberry.dataloader import DataLoader

from domain.kernel.limit_errors import TooManyRows
from projections.storage.row_events import Budget

COUNTS_AT_A_TIME = 4
"""Counts of one execution. The driver has some threads for all reads of the process."""


class BatchedReads:
    """Batches what the fields of one level read, and counts what is read and returned.

    A row that is read once may be returned at several places of a response. Batches are read one after
    another, so that no more rows are read than a response may have.
    """

    def __init__(self) -> None:
        self._loaders: dict[Hashable, DataLoader[Any, Any]] = {}
        self._rows_read = 0
        self._rows_returned = 0
        self._past_events: Budget | None = None
        self._lock = Lock()
        self.counting = Semaphore(COUNTS_AT_A_TIME)
        """Held while the rows of a connection are counted."""

    def loader(
        self, key: Hashable, load: Callable[[list[Any]], Awaitable[Sequence[Any]]]
    ) -> DataLoader[Any, Any]:
        """Return the loader of this key, which loads its batches by `load`."""
        if key not in self._loaders:
            self._loaders[key] = DataLoader(load_fn=load)
        return self._loaders[key]

    def past_events(self, max_events: int) -> Budget:
        """Return the budget of all reads of the past, which may read so many events together."""
        if self._past_events is None:
            self._past_events = Budget(max_events)
        return self._past_events

    @asynccontextmanager
    async def batch(self, max_rows: int) -> AsyncIterator[int]:
        """Wait for other batches to end; yield the rows that this batch may read of a response's `max_rows`.

        Raises TooManyRows where earlier batches have read more.
        """
        async with self._lock:
            self.count_read(0, max_rows)
            yield max_rows - self._rows_read

    def count_read(self, rows: int, max_rows: int) -> None:
        """Count rows that were read; raises TooManyRows where they exceed `max_rows`."""
        self._rows_read += rows
        if self._rows_read > max_rows:
            raise TooManyRows(max_rows)

    def forget_returned(self, rows: int) -> None:
        """Forget rows that were counted as returned: they are not, or will be counted again."""
        self._rows_returned -= rows

    def count_returned(self, rows: int, max_rows: int) -> None:
        """Count rows that the response returns; raises TooManyRows where they exceed `max_rows`."""
        self._rows_returned += rows
        if self._rows_returned > max_rows:
            raise TooManyRows(max_rows)
