"""Resolvers that have their value at once, from their source: compiled writers do without graphql-core."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class ItemLookUp:
    """The resolver of a field that is an item of its source, or what `change` makes of that item.

    `change` also gets None, for an item that is missing.
    """

    __slots__ = ("change", "key")

    def __init__(self, key: str, change: Callable[[Any], Any] | None = None) -> None:
        self.key = key
        self.change = change

    def __call__(self, source: Mapping[str, Any], _info: object) -> Any:
        value = source.get(self.key)
        return value if self.change is None else self.change(value)


def json_look_up(key: str, to_json: Callable[[Any], Any]) -> ItemLookUp:
    """Return the resolver of a field of the type JSON whose item is stored in another form."""
    return ItemLookUp(key, lambda value: None if value is None else to_json(value))


class DirectResolver:
    """The resolver of a field whose value `read` makes of the source and the request's context.

    `read` returns a coroutine where the value has to be read from elsewhere; graphql-core awaits it then.
    """

    __slots__ = ("read",)

    def __init__(self, read: Callable[[Any, Any], Any]) -> None:
        self.read = read

    def __call__(self, source: Any, info: Any) -> Any:
        return self.read(source, info.context)
