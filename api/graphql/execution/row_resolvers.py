"""The resolvers of fields that read other items of a row than the one of their name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api.graphql.item_lookups import DirectResolver
from projections.kernel.view import View


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
