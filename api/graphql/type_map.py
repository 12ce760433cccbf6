"""GraphQL types for the declared types of rows and commands; every class is declared once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass
from enum import Enum
from inspect import cleandoc
from typing import Any

from pydantic import BaseModel
from strawberry.types.field import StrawberryField

from api.graphql.declare import JsonLookUp, add_field, declare, enumeration, list_of, output_field, union
from api.graphql.input_types import InputTypes
from api.graphql.scalars import JSON, scalar_shape
from domain.kernel.errors import DeclarationError
from domain.kernel.name_checks import check_name
from domain.kernel.names import client_name
from domain.kernel.types.annotations import (
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
    field_type,
    record_type,
)
from domain.kernel.types.json_values import json_writer
from projections.kernel.view import View


class TypeMap:
    """Turns declared types into GraphQL types, as docs/types.md has them.

    Text in a field named ``id`` or ``…_id`` is an ID, a record an object type (in commands an input type),
    and what has no shape is JSON. Raises DeclarationError where an annotation is not in the table.
    """

    def __init__(self) -> None:
        self._declared: dict[str, tuple[object, Any]] = {}
        self._inputs = InputTypes(self)
        self.typenames: dict[str, Callable[[Any], str]] = {}
        """For each union of records, what finds the type of a stored value."""

    def of(self, annotation: Any, field: str, place: str) -> Any:
        """The output type of a field; `place` names the class that declares it, for the error."""
        return self.output(field_type(annotation, f"{place}.{field}"), field)

    def claim(self, name: str, source: object, make: Callable[[], Any]) -> Any:
        """The type `name` made from `source`; raises DeclarationError where another source made it first."""
        if name in self._declared:
            first, made = self._declared[name]
            if first != source:
                raise DeclarationError(
                    f"{_source(first)} and {_source(source)} would both be the GraphQL type {name}"
                )
            return made
        check_name(_source(source), name)
        made = make()
        self._declared[name] = (source, made)
        return made

    def declare_once(
        self, name: str, source: type, fields: Callable[[], Any], *, is_input: bool = False
    ) -> Any:
        """The type `name` with the fields of the class `source`, which may lead back to the type itself."""
        is_new = name not in self._declared
        text = _first_paragraph(source)
        declared = self.claim(name, source, lambda: declare(name, [], text, is_input=is_input))
        if is_new:
            for field in fields():
                add_field(declared, field)
        return declared

    def row_fields(self, row: type) -> list[StrawberryField]:
        """The fields of a TypedDict, or of another record that is part of one."""
        fields = record_type(row).fields
        for name in fields:
            check_name(f"{row.__name__}.{name}", name)
        return [self._field(name, field) for name, field in fields.items()]

    def model_input(self, model: type[BaseModel], name: str) -> Any:
        """The input type of a command; a field with a default may be left out."""
        return self._inputs.record(record_type(model), name)

    def _field(self, name: str, field: RecordField) -> StrawberryField:
        declared = field.type
        shape = self.output(declared, name)
        if field.may_be_absent:
            shape = shape | None
        if _may_exceed_int(declared):
            return output_field(name, shape | None, "Null, with an error, beyond 32 bits.")
        if _is_stored_json(declared) and (to_json := json_writer(declared, client_name)) is not None:
            return output_field(name, shape, resolver=JsonLookUp(name, to_json))
        return output_field(name, shape)

    def output(self, declared: FieldType, field: str) -> Any:
        """The output type of a declared type, in a field of this name."""
        match declared:
            case Scalar(Kind.JSON, _, _):
                # Null is a JSON value.
                return JSON | None
            case Scalar():
                return self.scalar(declared, field)
            case OptionalOf(inner):
                return self.output(inner, field) | None
            case ListOf(item, _):
                return list_of(self.output(item, field.removesuffix("s")))
            case TupleOf(items) if len(set(items)) == 1:
                return list_of(self.output(items[0], field.removesuffix("s")))
            case TupleOf() | MapOf():
                return JSON
            case RecordOf(python, _):
                return self.declare_once(python.__name__, python, lambda: self.row_fields(python))
            case OneOf():
                return self._union(declared, field)

    def scalar(self, scalar: Scalar, field: str) -> Any:
        """The scalar or enum of a type, for output and input."""
        python = scalar.python
        if scalar.choices is not None and issubclass(python, Enum):
            return self.claim(python.__name__, python, lambda: _declare_enum(python))
        return scalar_shape(scalar, field)

    def _union(self, declared: OneOf, field: str) -> Any:
        name = union_name(declared)
        members = [self.output(member, field) for member in declared.members]
        by_value = {value: member.python.__name__ for value, member in declared.by_value.items()}
        self.typenames[name] = lambda value: by_value[value[declared.discriminator]]
        text = f"Its members differ by `{client_name(declared.discriminator)}`."
        return self.claim(name, declared, lambda: union(name, members, text))


def _source(source: object) -> str:
    """What a type is made from, for a message."""
    if isinstance(source, View):
        return f"view {source.name!r}"
    return f"{source.__module__}.{source.__qualname__}" if isinstance(source, type) else repr(source)


def union_name(declared: OneOf) -> str:
    """The name of a union's type: ``CardOrCash``."""
    return "Or".join(member.python.__name__ for member in declared.members)


def _may_exceed_int(declared: FieldType) -> bool:
    """Whether the field is made of integers that GraphQL's Int may not hold: then it can be null."""
    match declared:
        case Scalar(Kind.INTEGER, _, None, None):
            return True
        case OptionalOf(inner) | ListOf(inner, _):
            return _may_exceed_int(inner)
        case TupleOf(items) if len(set(items)) == 1:
            return _may_exceed_int(items[0])
    return False


def _is_stored_json(declared: FieldType) -> bool:
    """Whether the field is JSON, or lists of it, made of what is stored in another form."""
    match declared:
        case OptionalOf(inner) | ListOf(inner, _):
            return _is_stored_json(inner)
        case TupleOf(items) if len(set(items)) == 1:
            return _is_stored_json(items[0])
    return isinstance(declared, TupleOf | MapOf)


def _declare_enum(source: type[Enum]) -> Any:
    # Made anew: strawberry marks the class it is given, and the domain's own is to stay as it is.
    for member in source:
        check_name(f"{source.__name__}.{member.name}", member.name)
        if member.name in _RESERVED_MEMBERS:
            raise DeclarationError(
                f"{source.__name__}.{member.name}: no member of an enum in GraphQL can be named true, false "
                f"or null; write it {member.name.upper()}"
            )
    values = {member.name: member.value for member in source}
    return enumeration(source.__name__, values, _first_paragraph(source))


def _first_paragraph(documented: type) -> str | None:
    text = documented.__doc__
    if not text or (is_dataclass(documented) and text.startswith(f"{documented.__name__}(")):
        return None  # a dataclass without a text has its signature in its place
    return cleandoc(text).split("\n\n")[0]


_RESERVED_MEMBERS = ("true", "false", "null")
