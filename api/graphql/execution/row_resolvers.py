"""The resolvers of fields that read other items of a row than the one of their name."""

from __future__ import annotations

from typing import Any

from projections.kernel.view import View


class LinkResolver:
    """The resolver of a field that is read from another view, by the item `key` of its source."""

    __slots__ = ("key", "view")

    def __init__(self, key: str, view: View[Any]) -> None:
        self.key = key
        self.view = view


class RowItemsResolver:
    """The resolver of a field that is made of several items of a stored row."""

    __slots__ = ("keys",)

    def __init__(self, *keys: str) -> None:
        self.keys = keys
