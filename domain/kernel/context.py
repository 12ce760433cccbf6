"""What a context declares, and the catalog of all that are registered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from domain.kernel.aggregate import Aggregate, command_classes, event_classes
from domain.kernel.command import Command
from domain.kernel.declaring import check_aggregate
from domain.kernel.errors import DeclarationError, NotFound, UnfitValue
from domain.kernel.event import Cause, Event, Unreadable
from domain.kernel.personal import personal_fields
from domain.kernel.types.record_checks import check_records
from domain.kernel.upcasting import Upcaster, chain, upcast

Reading = tuple[int, Mapping[str, Any], Event | None, Unreadable | None]
"""The newest revision of an event, its data and payload there, and the reason where there is none.

A plain tuple, since one is made for each event that is read.
"""


@dataclass(frozen=True)
class Context:
    """One part of the domain: an aggregate with its commands and events, which its type arguments name.

    `upcasters` lead from each older revision of its events to the next one. Raises DeclarationError where the
    aggregate cannot be used.
    """

    name: str
    aggregate: type[Aggregate[Any, Any]]
    upcasters: tuple[Upcaster, ...] = ()

    def __post_init__(self) -> None:
        check_aggregate(self.aggregate)

    @property
    def category(self) -> str:
        return self.aggregate.category

    @property
    def commands(self) -> tuple[type[Command], ...]:
        return command_classes(self.aggregate)

    @property
    def events(self) -> tuple[type[Event], ...]:
        return event_classes(self.aggregate)


@cache
def holds_personal_data(aggregate: type[Aggregate[Any, Any]]) -> bool:
    """Whether states of this aggregate may hold personal data: an event of it has a personal field."""
    return any(map(personal_fields, event_classes(aggregate)))


class Catalog:
    """All registered contexts: which aggregate a command is for, and which class an event type is.

    Raises DeclarationError where two contexts claim one category, command or event type, where upcasters do
    not lead from each older revision of an event to its newest, where a field is wrongly marked personal, and
    where the type of a field of a command, an event or a state is none that can be stored.
    """

    def __init__(self, contexts: Iterable[Context]) -> None:
        self.contexts = tuple(contexts)
        self._by_category: dict[str, Context] = {}
        self._by_command: dict[type[Command], Context] = {}
        self._events: dict[str, type[Event]] = {}
        self._upcasters: dict[str, tuple[Upcaster, ...]] = {}
        names: dict[str, type[Command]] = {}
        for context in self.contexts:
            _claim(self._by_category, context.category, context, "category")
            for command in context.commands:
                _claim(self._by_command, command, context, "command")
                _claim(names, command.__name__, command, "command name")
            for event in context.events:
                _claim_type(self._events, event)
                personal_fields(event)
            self._upcasters.update(_chains(context))
            check_records(context.aggregate, *context.commands, *context.events)

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

    def read(self, type: str, revision: int, data: Mapping[str, Any]) -> Reading:
        """Stored event data at its newest revision, and as its class."""
        known = self._events.get(type)
        if known is None:
            unknown = "no registered context has this type; register it, or use a process that knows it"
            return revision, data, None, Unreadable(Cause.UNKNOWN_TYPE, unknown)
        try:
            if known.revision == revision:
                return revision, data, known.from_data(data), None
            payload = upcast(known, self._upcasters[type], revision, data)
            if isinstance(payload, Unreadable):
                return revision, data, None, payload
            return known.revision, payload.to_data(), payload, None
        except UnfitValue as error:
            return revision, data, None, Unreadable(Cause.DOES_NOT_FIT, str(error))


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
            f"{_place(first)} and {_place(event)} are both events of the type {event.type!r}; "
            "give one of them another type"
        )


def _place(event: type[Event]) -> str:
    return f"{event.__module__}.{event.__qualname__}"
