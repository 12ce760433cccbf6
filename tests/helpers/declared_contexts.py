"""Generated contexts, with fields of generated types."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from itertools import count
from typing import Annotated, Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from pydantic import create_model

from domain.kernel import (
    Aggregate,
    Context,
    CreateCommand,
    Event,
    Facts,
    Personal,
    Upcaster,
)
from tests.helpers.declared_types import (
    DeclaredField,
    DeclaredType,
    declared_fields,
    declared_types,
    values_of,
)

_numbers = count()


@dataclasses.dataclass(frozen=True)
class DeclaredContext:
    """A context of random fields, which its command, its event and its state have. `values` draws values.

    The field `secret` is personal. An older revision of the event has the fields under other names, which its
    upcaster renames.
    """

    context: Context
    command: type[CreateCommand]
    event: type[Event]
    older: type[Event]
    values: SearchStrategy[dict[str, Any]]


@st.composite
def declared_contexts(draw: DrawFn, depth: int = 2) -> DeclaredContext:
    """A context whose aggregate keeps what its last event says."""
    secret = draw(declared_types(depth))
    optional = DeclaredType(secret.annotation | None, st.none() | secret.values, secret.hashable)
    fields = {**draw(declared_fields(depth)), "secret": DeclaredField(optional, None)}
    name = f"Thing{next(_numbers)}"
    parts: dict[str, Any] = {field: (each.type.annotation, each.default) for field, each in fields.items()}
    command = create_model(f"Make{name}", __base__=CreateCommand, __doc__="Make a thing.", **parts)
    parts["secret"] = (Annotated[optional.annotation, Personal()], None)
    event = _event(f"{name}Made", parts, revision=2)
    older = _event(f"{name}MadeBefore", {f"old_{field}": part for field, part in parts.items()}, revision=1)
    aggregate = _aggregate(name, command, event, parts)

    def rename(data: Mapping[str, Any]) -> dict[str, Any]:
        return {field.removeprefix("old_"): value for field, value in data.items()}

    context = Context(name.lower(), aggregate, (Upcaster(event.type, 1, rename),))
    return DeclaredContext(context, command, event, older, values_of(fields))


def _event(name: str, parts: Mapping[str, Any], revision: int) -> type[Event]:
    body: dict[str, Any] = {"__module__": __name__, "__annotations__": {}}
    for field, (annotation, default) in parts.items():
        body["__annotations__"][field] = annotation
        if default is not ...:
            body[field] = default
    make: Any = type(Event)
    made: type[Event] = make(name, (Event,), body, type="thing.made", revision=revision)
    return made


def _aggregate(name: str, command: Any, event: Any, parts: Mapping[str, Any]) -> type[Aggregate[Any, Any]]:
    """A frozen dataclass with the fields of the event, each of which may also be None at first."""
    generic: Any = Aggregate

    def decide(self: Any, command: Any, facts: Facts) -> list[Event]:
        return [
            event(**{field: getattr(command, field) for field in command.model_fields_set & parts.keys()})
        ]

    def evolve(self: Any, made: Any) -> Any:
        return dataclasses.replace(self, **{field: getattr(made, field) for field in parts})

    body = {
        "__annotations__": {field: annotation | None for field, (annotation, _) in parts.items()},
        **dict.fromkeys(parts),
        "category": "thing",
        "decide": decide,
        "evolve": evolve,
        "__module__": __name__,
    }
    made = types.new_class(name, (generic[command, event],), {}, lambda namespace: namespace.update(body))
    return dataclasses.dataclass(frozen=True)(made)
