"""The resolvers of fields that read rows, or other items of a row than the one of their name."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from api.graphql.item_lookups import DirectResolver
from projections.kernel.view import View
from projections.querying.pages import Side

T = TypeVar("T")

NEEDS_READ: Final = object()
"""Stands for a value that has to be read first."""


async def read_all(reads: Iterable[Awaitable[T]]) -> list[T]:
    """Return the results of reads that run at the same time. All of them have ended when one fails."""
    results = await asyncio.gather(*reads, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast(list[T], results)


class ViewResolver:
    """The resolver of a root field whose value is made of rows of one view.

    If it reads one row, `find_key` returns the key of that row for the argument `id` and a request's context.
    """

    __slots__ = ("_resolve", "find_key", "view")

    def __init__(
        self,
        view: View[Any],
        resolve: Callable[..., Any],
        find_key: Callable[[str, Any], str] | None = None,
    ) -> None:
        self.view = view
        self.find_key = find_key
        self._resolve = resolve

    def __call__(self, source: object, info: Any, **arguments: Any) -> Any:
        return self._resolve(source, info, **arguments)


class BatchResolver(ABC):
    """The resolver of a field whose values are read from elsewhere, for all sources of a level at once."""

    __slots__ = ()

    def value_at_once(self, source: Mapping[str, Any]) -> Any:
        """Return the value for a source that needs no read; NEEDS_READ for others."""
        return NEEDS_READ

    @abstractmethod
    async def resolve_all(
        self, sources: Sequence[Mapping[str, Any]], info: Any, arguments: Mapping[str, Any]
    ) -> Sequence[Any]:
        """Return the values for these sources, which all need a read."""

    def count_rows(self, values: Sequence[Any]) -> int:
        """Return how many rows these values add to a response."""
        return 0


class RowCountResolver(BatchResolver):
    """The resolver of the number of rows of a connection, which are counted where that is selected."""

    __slots__ = ()

    async def __call__(self, source: Mapping[str, Any], info: Any) -> int:
        async with info.context.reads.counting:
            count: int = await source["count"]()
        return count

    async def resolve_all(
        self, sources: Sequence[Mapping[str, Any]], info: Any, arguments: Mapping[str, Any]
    ) -> Sequence[Any]:
        return await read_all(self(source, info) for source in sources)


class PageSideResolver(DirectResolver, BatchResolver):
    """The resolver of whether there are rows on one side of a page, the item `key` of its source."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        super().__init__(self._read)
        self.key = key

    def _read(self, source: Mapping[str, Any], _context: object) -> Any:
        side: Side = source[self.key]
        return side() if callable(side) else side

    def value_at_once(self, source: Mapping[str, Any]) -> Any:
        side: Side = source[self.key]
        return NEEDS_READ if callable(side) else side

    async def resolve_all(
        self, sources: Sequence[Mapping[str, Any]], info: Any, arguments: Mapping[str, Any]
    ) -> Sequence[Any]:
        return await read_all(source[self.key]() for source in sources)


class LinkResolver(BatchResolver):
    """The resolver of a field that is read from another view, by the item `key` of its source."""

    __slots__ = ("key", "view")

    def __init__(self, key: str, view: View[Any]) -> None:
        self.key = key
        self.view = view


class RowItemsResolver(DirectResolver):
    """The resolver of a field that `read` makes of several items of a stored row."""

    __slots__ = ("keys",)

    def __init__(self, read: Callable[[Any, Any], Any], *keys: str) -> None:
        super().__init__(read)
        self.keys = keys
