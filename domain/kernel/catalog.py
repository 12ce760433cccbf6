"""The catalog of all registered contexts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command
from domain.kernel.context import Context
from domain.kernel.errors import DeclarationError, NotFound
from domain.kernel.event import Event
from domain.kernel.personal import personal_fields
from domain.kernel.types.record_checks import check_records
from domain.kernel.upcasting import EventReader, Upcaster, chain


class Catalog:
    """All registered contexts: the aggregate of each command and the class of each event type.

    Raises DeclarationError if two contexts claim one category, command or event type, if upcasters do not
    lead from each older revision of an event to its newest, if a field is wrongly marked as personal, or if a
    field of a command, an event or a state has a type that cannot be stored.
    """

    def __init__(self, contexts: Iterable[Context]) -> None:
        self.contexts = tuple(contexts)
        self._by_category: dict[str, Context] = {}
        self._by_command: dict[type[Command], Context] = {}
        self._events: dict[str, type[Event]] = {}
        upcasters: dict[str, tuple[Upcaster, ...]] = {}
        names: dict[str, type[Command]] = {}
        for context in self.contexts:
            _claim(self._by_category, context.category, context, "category")
            for command in context.commands:
                _claim(self._by_command, command, context, "command")
                _claim(names, command.__name__, command, "command name")
            for event in context.events:
                _claim_type(self._events, event)
                personal_fields(event)
            upcasters.update(_chains(context))
            check_records(context.aggregate, *context.commands, *context.events)
        self.read = EventReader(self._events, upcasters).read
        """Reads a stored event; the method itself, because it is called for each event."""

    @property
    def events(self) -> Mapping[str, type[Event]]:
        """The class of each event type."""
        return self._events

    def context_of(self, command: type[Command]) -> Context:
        """Return the context that handles `command`; raise NotFound if none does."""
        try:
            return self._by_command[command]
        except KeyError:
            raise NotFound(f"no registered context handles {command.__name__}") from None

    def aggregate(self, category: str) -> type[Aggregate[Any, Any]]:
        """Return the aggregate of a category; raise NotFound if no context has the category."""
        try:
            return self._by_category[category].aggregate
        except KeyError:
            raise NotFound(f"no registered context has the category {category!r}") from None


def _chains(context: Context) -> dict[str, tuple[Upcaster, ...]]:
    events = {event.type: event for event in context.events}
    for step in context.upcasters:
        if step.type not in events:
            raise DeclarationError(f"{context.name} has an upcaster of {step.type!r}, but no such event")
    return {
        name: chain(event, (step for step in context.upcasters if step.type == name))
        for name, event in events.items()
    }


def _claim(table: dict[Any, Any], key: Any, value: Any, what: str) -> None:
    if table.setdefault(key, value) is not value:
        raise DeclarationError(f"two contexts declare the {what} {getattr(key, '__name__', key)!r}")


def _claim_type(table: dict[str, type[Event]], event: type[Event]) -> None:
    first = table.setdefault(event.type, event)
    if first is not event:
        raise DeclarationError(
            f"{_full_name(first)} and {_full_name(event)} are both events of the type {event.type!r}; "
            "give one of them another type"
        )


def _full_name(event: type[Event]) -> str:
    return f"{event.__module__}.{event.__qualname__}"
