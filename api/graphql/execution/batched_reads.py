"""What one execution reads by links."""

from __future__ import annotations

from asyncio import Lock
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from strawberry.dataloader import DataLoader

from domain.kernel.errors import TooManyRows


class BatchedReads:
    """Batches of what the fields of one level ask for, and the count of rows: those read, and those told.

    A row may be told at several places of a response. One batch is read after another, so that no more rows
    are read than a response may hold.
    """

    def __init__(self) -> None:
        self._loaders: dict[Hashable, DataLoader[Any, Any]] = {}
        self._read = 0
        self._told = 0
        self._turn = Lock()

    def loader(
        self, key: Hashable, load: Callable[[list[Any]], Awaitable[Sequence[Any]]]
    ) -> DataLoader[Any, Any]:
        """What loads by `load` whatever is asked for under this key."""
        if key not in self._loaders:
            self._loaders[key] = DataLoader(load_fn=load)
        return self._loaders[key]

    @asynccontextmanager
    async def turn(self, most: int) -> AsyncIterator[int]:
        """One batch's turn, with how many rows it may read where a response may hold `most`.

        Raises TooManyRows where those before have read more.
        """
        async with self._turn:
            self.read(0, most)
            yield most - self._read

    def read(self, rows: int, most: int) -> None:
        """Count rows that were read. Raises TooManyRows where they are more than `most` by now."""
        self._read += rows
        if self._read > most:
            raise TooManyRows(most)

    def tell(self, rows: int, most: int) -> None:
        """Count rows that the response tells. Raises TooManyRows where they are more than `most` by now."""
        self._told += rows
        if self._told > most:
            raise TooManyRows(most)
