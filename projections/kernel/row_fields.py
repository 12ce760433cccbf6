"""What the fields of a view's rows hold, as text that a generation keeps for later code. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import orjson

from domain.kernel.types.annotations import (
    FieldType,
    ListOf,
    MapOf,
    OneOf,
    OptionalOf,
    RecordOf,
    Scalar,
    TupleOf,
    record_type,
)
from projections.kernel.view import View

Shape = Sequence[Any]
"""A type as JSON: its name, and what it is made of."""


@cache
def row_fields(view: View[Any]) -> Mapping[str, str]:
    """The shape of each field of the view's rows, as text.

    Raises DeclarationError for a field whose type is not in the table of types.
    """
    row: Any = view.row
    fields = record_type(row).fields
    return {name: orjson.dumps(_shape(field.type, ())).decode() for name, field in fields.items()}


def unreadable_fields(view: View[Any], stored: Mapping[str, str]) -> frozenset[str]:
    """The fields of the view's rows that rows with the `stored` fields lack, or hold as another type."""
    return frozenset(
        name
        for name, shape in row_fields(view).items()
        if name not in stored or not _reads(orjson.loads(shape), orjson.loads(stored[name]))
    )


def _shape(type: FieldType, inside: tuple[Any, ...]) -> Shape:
    """`inside` are the records that this type is a part of."""
    match type:
        case Scalar(kind, _, choices):
            return ["scalar", kind.value, None if choices is None else list(choices)]
        case OptionalOf(inner):
            return ["optional", _shape(inner, inside)]
        case ListOf(item, _):
            return ["list", _shape(item, inside)]
        case TupleOf(items):
            return ["tuple", [_shape(item, inside) for item in items]]
        case MapOf(key, value):
            return ["map", _shape(key, inside), _shape(value, inside)]
        case OneOf(discriminator, members):
            return ["one of", discriminator, [_shape(member, inside) for member in members]]
        case RecordOf(python, fields):
            if python in inside:
                return ["again", len(inside) - inside.index(python)]
            within = (*inside, python)
            return ["record", {name: _shape(field.type, within) for name, field in fields.items()}]


def _reads(new: Shape, old: Shape) -> bool:
    """Whether every value of the old type is one of the new type; in doubt it is not."""
    if new == old:
        return True
    match new, old:
        case ["optional", inner], ["optional", before]:
            return _reads(inner, before)
        case ["optional", inner], _:
            return _reads(inner, old)
        case ["list", item], ["list", before]:
            return _reads(item, before)
        case ["map", key, value], ["map", key_before, before]:
            return _reads(key, key_before) and _reads(value, before)
        case ["record", fields], ["record", before]:
            return all(name in before and _reads(shape, before[name]) for name, shape in fields.items())
        case ["scalar", kind, None], ["scalar", before, _]:
            return kind == before or (kind, before) == ("number", "integer")
        case ["scalar", kind, choices], ["scalar", before, chosen]:
            return kind == before and chosen is not None and set(chosen) <= set(choices)
    return False
