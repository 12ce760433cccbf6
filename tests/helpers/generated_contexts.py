"""Whole contexts of generated declarations: a command, an event, a state and a row with the same fields."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass, replace
from types import ModuleType
from typing import Any

from pydantic import create_model
from typing_extensions import TypedDict

from domain.kernel import (
    Aggregate,
    ChangeCommand,
    Command,
    Context,
    CreateCommand,
    Event,
    Facts,
    RecordedEvent,
    Upcaster,
)
from domain.kernel.types.annotations import FieldType
from projections.kernel import View, by_stream
from projections.kernel.field_kinds import field_kind
from tests.helpers.declared_types import DeclaredField, values_of

ADDED = "added"
"""The field that revision 2 of every event has more."""


@dataclass(frozen=True)
class GeneratedContext:
    """A generated context. `name` is its category, in lower-case letters."""

    name: str
    fields: Mapping[str, DeclaredField]

    @property
    def capitals(self) -> str:
        return self.name.capitalize()

    @property
    def module(self) -> str:
        """What the settings register."""
        return f"generated.{self.name}"

    @property
    def values(self) -> Any:
        """A strategy for the values of a command; those with a default may be left out."""
        return values_of(self.fields)

    def types(self) -> Mapping[str, FieldType]:
        """The declared types of the fields, by name."""
        record: Any = self.view.record
        return {name: record.fields[name].type for name in self.fields}

    @property
    def view(self) -> View[Any]:
        view: View[Any] = sys.modules[self.module].view
        return view

    @property
    def command(self) -> type[CreateCommand]:
        made: Any = self.view.context.commands[0]
        return made  # type: ignore[no-any-return]

    def register(self, revision: int = 1) -> None:
        """Make the classes, and the module that holds the view. At revision 2 the event has a field more.

        Raises DeclarationError where something of it is refused.
        """
        event = self._event(revision)
        aggregate = self._aggregate(event)
        upcasters = tuple(Upcaster(event.type, step, _with_added) for step in range(1, revision))
        context = Context(f"{self.name}s", aggregate, upcasters)
        module = ModuleType(self.module)
        module.view = self._view(context)  # type: ignore[attr-defined]
        sys.modules[self.module] = module

    def _event(self, revision: int) -> type[Event]:
        added: dict[str, Any] = {ADDED: (int, 0)} if revision > 1 else {}
        made: type[Event] = create_model(
            f"{self.capitals}Made",
            __base__=Event,
            __cls_kwargs__={"type": f"{self.name}.made", "revision": revision},
            **self._parts(),
            **added,
        )
        return made

    def _parts(self) -> dict[str, Any]:
        return {name: (field.type.annotation, field.default) for name, field in self.fields.items()}

    def _aggregate(self, event: type[Event]) -> type[Aggregate[Any, Any]]:
        make: Any = create_model(f"Make{self.capitals}", __base__=CreateCommand, **self._parts())
        again: Any = create_model(f"Remake{self.capitals}", __base__=ChangeCommand)
        names = tuple(self.fields)

        def decide(self: Any, command: Command, facts: Facts) -> list[Event]:
            source = command if isinstance(command, make) else self
            return [event(**{name: getattr(source, name) for name in names})]

        def evolve(self: Any, event: Event) -> Any:
            return replace(self, **{name: getattr(event, name) for name in names})

        union: Any = Aggregate
        bases: Any = (union[make | again, event],)
        state = [(name, field.type.annotation | None, None) for name, field in self.fields.items()]
        namespace = {"category": self.name, "decide": decide, "evolve": evolve}
        made: type[Aggregate[Any, Any]] = make_dataclass(
            self.capitals, state, bases=bases, namespace=namespace, frozen=True
        )
        return made

    def _view(self, context: Context) -> View[Any]:
        names = tuple(self.fields)
        annotations = {name: field.type.annotation for name, field in self.fields.items()}
        declare: Any = TypedDict
        row = declare(f"{self.capitals}Row", {"id": str, **annotations})

        def apply(key: str, _row: Any, event: RecordedEvent) -> Any:
            return {"id": key, **{name: getattr(event.payload, name) for name in names}}

        view = View(
            name=f"{self.name}s", singular=self.name, context=context, row=row, key=by_stream, apply=apply
        )
        kinds = {name: field_kind(view.record.fields[name].type) for name in names}
        filters = tuple(name for name, kind in kinds.items() if kind is not None)
        orders = tuple(name for name, kind in kinds.items() if kind is not None and kind.is_ordered)
        return replace(view, filters=filters, orders=orders)


def _with_added(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**data, ADDED: 7}
