"""The resolvers of fields that read rows, or other items of a row than the one of their name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from api.graphql.item_lookups import DirectResolver
from projections.kernel.view import View


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


class RowCountResolver:
    """The resolver of the number of rows of a connection, which are counted where that is selected."""

    __slots__ = ()

    async def __call__(self, source: Mapping[str, Any], info: Any) -> int:
        async with info.context.reads.counting:
            count: int = await source["count"]()
        return count


class LinkResolver:
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
