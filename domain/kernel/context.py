"""What a context declares, and the catalog of all that are registered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin

from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command
from domain.kernel.errors import DeclarationError, NotFound
from domain.kernel.event import Event


@dataclass(frozen=True)
class Context:
    """One part of the domain: an aggregate with its commands and events, which its type arguments name."""

    name: str
    aggregate: type[Aggregate[Any, Any]]

    @property
    def category(self) -> str:
        return self.aggregate.category

    @property
    def commands(self) -> tuple[type[Command], ...]:
        return _members(self.aggregate, 0)

    @property
    def events(self) -> tuple[type[Event], ...]:
        return _members(self.aggregate, 1)


def _members(aggregate: type[Aggregate[Any, Any]], place: int) -> tuple[Any, ...]:
    for base in getattr(aggregate, "__orig_bases__", ()):
        if get_origin(base) is Aggregate:
            argument = get_args(base)[place]
            return get_args(argument) if get_origin(argument) in (Union, UnionType) else (argument,)
    raise DeclarationError(f"{aggregate.__name__} must derive from Aggregate[its commands, its events]")


class Catalog:
    """All registered contexts: which aggregate a command is for, and which class an event type is.

    Raises DeclarationError where two contexts claim one category, command or event type.
    """

    def __init__(self, contexts: Iterable[Context]) -> None:
        self.contexts = tuple(contexts)
        self._by_category: dict[str, Context] = {}
        self._by_command: dict[type[Command], Context] = {}
        self._events: dict[str, type[Event]] = {}
        names: dict[str, type[Command]] = {}
        for context in self.contexts:
            _claim(self._by_category, context.category, context, "category")
            for command in context.commands:
                _claim(self._by_command, command, context, "command")
                _claim(names, command.__name__, command, "command name")
            for event in context.events:
                _claim(self._events, event.type, event, "event type")

    @property
    def events(self) -> Mapping[str, type[Event]]:
        return self._events

    def context_of(self, command: type[Command]) -> Context:
        """The context that handles `command`; raises NotFound where none does."""
        try:
            return self._by_command[command]
        except KeyError:
            raise NotFound(f"no registered context handles {command.__name__}") from None

    def aggregate(self, category: str) -> type[Aggregate[Any, Any]]:
        """The aggregate of a category; raises NotFound where none has it."""
        try:
            return self._by_category[category].aggregate
        except KeyError:
            raise NotFound(f"no registered context has the category {category!r}") from None

    def payload(self, type: str, data: Mapping[str, Any]) -> Event | None:
        """Stored event data as its class, None for a type that no context knows."""
        known = self._events.get(type)
        return None if known is None else known.from_data(data)


def _claim(table: dict[Any, Any], key: Any, value: Any, what: str) -> None:
    if table.setdefault(key, value) is not value:
        raise DeclarationError(f"two contexts declare the {what} {getattr(key, '__name__', key)!r}")
