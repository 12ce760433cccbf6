"""Resolvers that look an item up in their source, which compiled selections do without calling them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class ItemLookUp:
    """The resolver of a field that is an item of its source."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, source: Mapping[str, Any], _info: object) -> Any:
        return source.get(self.key)

    def writer(self, write: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the writer of the field from the item itself, where `write` writes the field's value."""
        return write


class JsonLookUp(ItemLookUp):
    """The resolver of a field of the type JSON whose item is stored in another form."""

    __slots__ = ("_to_json",)

    def __init__(self, key: str, to_json: Callable[[Any], Any]) -> None:
        super().__init__(key)
        self._to_json = to_json

    def __call__(self, source: Mapping[str, Any], _info: object) -> Any:
        value = source.get(self.key)
        return None if value is None else self._to_json(value)

    def writer(self, write: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda value: write(None if value is None else self._to_json(value))
