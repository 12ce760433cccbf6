"""Input types for the fields of commands."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import strawberry
from pydantic import BaseModel

from api.graphql.declare import declare, input_field, list_of
from api.graphql.scalars import JSON, is_int32
from api.graphql.strawberry_internals import Field
from api.graphql.type_registry import TypeRegistry
from domain.kernel.command import secret_hashes
from domain.kernel.errors import DeclarationError
from domain.kernel.name_checks import check_name
from domain.kernel.types.annotations import (
    ABSENT,
    FieldType,
    Kind,
    ListOf,
    MapOf,
    OneOf,
    OptionalOf,
    RecordField,
    RecordOf,
    Scalar,
    TupleOf,
    choices_of,
)

_EXPRESSED = (Kind.TEXT, Kind.BOOLEAN, Kind.INTEGER, Kind.NUMBER)
"""Kinds whose defaults the schema shows."""


class InputTypes:
    """Turns declared types into GraphQL input types. `types` has the types that are input and output."""

    def __init__(self, types: TypeRegistry) -> None:
        self._types = types

    def record(self, record: RecordOf, name: str | None = None) -> Any:
        """Return the input type of a record, such as ``PartInput``."""
        name = name or f"{record.python.__name__}Input"
        return self._types.declare_once(name, record.python, lambda: self._fields(record), is_input=True)

    def _fields(self, record: RecordOf) -> Iterator[Field]:
        texts = _descriptions(record.python)
        hashes = secret_hashes(record.python) if issubclass(record.python, BaseModel) else {}
        given = {
            name: field
            for name, field in record.fields.items()
            if constant_of(field.type) is None and name not in hashes
        }
        if not given:
            raise DeclarationError(_without_fields(record))
        for name, field in given.items():
            check_name(f"{record.python.__name__}.{name}", name)
            shape = self._of(field.type, name)
            yield input_field(name, shape, texts.get(name), required=field.required, default=_default(field))

    def _of(self, declared: FieldType, field: str) -> Any:
        match declared:
            case Scalar():
                return self._types.scalar(declared, field)
            case OptionalOf(inner):
                return self._of(inner, field) | None
            case ListOf(item, _):
                return list_of(self._item(item, field))
            case TupleOf(items) if len(set(items)) == 1:
                return list_of(self._item(items[0], field))
            case TupleOf() | MapOf():
                return JSON
            case RecordOf():
                return self.record(declared)
            case OneOf():
                return self._one_of(declared)

    def _item(self, declared: FieldType, field: str) -> Any:
        """Return the type of an element, which may be null if it is JSON, because null is a JSON value."""
        shape = self._of(declared, field.removesuffix("s"))
        return shape | None if isinstance(declared, Scalar) and declared.kind is Kind.JSON else shape

    def _one_of(self, declared: OneOf) -> Any:
        """Return an input with one field for each member, of which a client sends exactly one."""
        name = f"{'Or'.join(member.python.__name__ for member in declared.members)}Input"
        fields = [input_field(member_name(member), self.record(member) | None) for member in declared.members]
        return self._types.claim(name, declared, lambda: declare(name, fields, is_input=True, is_one_of=True))


def member_name(member: RecordOf) -> str:
    """Return the name of a union's member in its input, such as ``card`` for the class Card."""
    name = member.python.__name__
    return name[:1].lower() + name[1:]


def constant_of(declared: FieldType) -> Any:
    """Return the value of a Literal with one value, which clients leave out; None for every other type."""
    choices = choices_of(declared)
    if len(choices) != 1 or not isinstance(declared, Scalar):
        return None
    is_whole_enum = issubclass(declared.python, Enum) and len(declared.python) == 1
    return None if is_whole_enum else choices[0]


def _without_fields(record: RecordOf) -> str:
    besides = "".join(f" besides its Literal {name!r}" for name in record.fields)
    return (
        f"{record.python.__name__} has no field{besides}, and an input type of GraphQL needs one; add a "
        "field, such as `note: Text | None = None`"
    )


def _descriptions(python: type) -> dict[str, str]:
    if not issubclass(python, BaseModel):
        return {}
    return {name: info.description for name, info in python.model_fields.items() if info.description}


def _default(field: RecordField) -> Any:
    """Return the stored form of the default that the schema shows; UNSET where it cannot show one."""
    if field.default_factory in (list, tuple, set, frozenset) and isinstance(field.type, ListOf):
        return []
    if field.default in (None, ABSENT) or field.default_factory is not None:
        return strawberry.UNSET
    return _shown(field.type, field.default)


def _shown(declared: FieldType, value: Any) -> Any:
    match declared:
        case OptionalOf(inner):
            return None if value is None else _shown(inner, value)
        case ListOf(item, _) if not isinstance(value, set | frozenset) or not value:
            items = [_shown(item, each) for each in value]
            return strawberry.UNSET if any(each is strawberry.UNSET for each in items) else items
        case Scalar(kind, _, choices, _) if kind in _EXPRESSED:
            stored = value.value if isinstance(value, Enum) else value
            too_large = kind is Kind.INTEGER and choices is None and not is_int32(stored)
            return strawberry.UNSET if too_large else stored
    return strawberry.UNSET
