"""The catalog of all registered contexts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command
from domain.kernel.context import Context
from domain.kernel.errors import DeclarationError, NotFound, ValidationFailed
from domain.kernel.event import Event
from domain.kernel.personal import personal_fields, personal_inputs
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
        self._aggregates: dict[str, type[Aggregate[Any, Any]]] = {}
        self._by_command: dict[type[Command], Context] = {}
        self._shared: dict[type[Command], dict[str, Context]] = {}
        self._events: dict[str, type[Event]] = {}
        upcasters: dict[str, tuple[Upcaster, ...]] = {}
        names: dict[str, type[Command]] = {}
        for context in self.contexts:
            _claim(self._aggregates, context.category, context.aggregate, "have the category")
            for command in context.commands:
                self._claim_command(command, context)
                _claim(names, command.__name__, command, "are commands of the name")
                personal_inputs(command)
            for event in context.events:
                _claim(self._events, event.type, event, "are events of the type")
                personal_fields(event)
            upcasters.update(_chains(context))
            check_records(context.aggregate, *context.commands, *context.events)
        self.read = EventReader(self._events, upcasters).read
        """Reads a stored event; the method itself, because it is called for each event."""

    def _claim_command(self, command: type[Command], context: Context) -> None:
        if command in context.shared_commands:
            first = self._shared.setdefault(command, {}).setdefault(context.category, context)
        else:
            first = self._by_command.setdefault(command, context)
        if first is not context:
            raise DeclarationError(
                f"{_full_name(command)} is a command of the contexts {first.name!r} and {context.name!r}; "
                "declare it in one of them"
            )

    @property
    def events(self) -> Mapping[str, type[Event]]:
        """The class of each event type."""
        return self._events

    def context_of(self, command: Command) -> Context:
        """Return the context that handles `command`.

        Raises NotFound if none does, ValidationFailed if several do and the id is of no category of theirs.
        """
        kind = type(command)
        context = self._by_command.get(kind)
        if context is not None:
            return context
        contexts = self._shared.get(kind)
        if contexts is None:
            raise NotFound(
                f"no registered context handles {kind.__name__}; add the module of its context to `contexts`"
            )
        category = (command.target or "").partition("-")[0]
        if category not in contexts:
            raise ValidationFailed(
                f"{command.target!r} is not the id of a stream that handles {kind.__name__}: it must start "
                f"with {_alternatives(contexts)}",
                ("id",),
            )
        return contexts[category]

    def aggregate(self, category: str) -> type[Aggregate[Any, Any]]:
        """Return the aggregate of a category; raise NotFound if no context has the category."""
        try:
            return self._aggregates[category]
        except KeyError:
            raise NotFound(f"no registered context has the category {category!r}") from None


def _chains(context: Context) -> dict[str, tuple[Upcaster, ...]]:
    events = {event.type: event for event in context.events}
    for step in context.upcasters:
        if step.type not in events:
            raise DeclarationError(
                f"the context {context.name!r} has an upcaster of {step.type!r}, but no such event; its "
                f"events are {', '.join(sorted(events))}"
            )
    return {
        name: chain(event, (step for step in context.upcasters if step.type == name))
        for name, event in events.items()
    }


def _claim(table: dict[str, type[Any]], key: str, value: type[Any], claim: str) -> None:
    first = table.setdefault(key, value)
    if first is not value:
        raise DeclarationError(
            f"{_full_name(first)} and {_full_name(value)} both {claim} {key!r}; give one of them another"
        )


def _alternatives(categories: Iterable[str]) -> str:
    return " or ".join(f"'{category}-'" for category in sorted(categories))


def _full_name(declared: type[Any]) -> str:
    return f"{declared.__module__}.{declared.__qualname__}"
