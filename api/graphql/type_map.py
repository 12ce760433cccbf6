"""The GraphQL types of the declared types of rows and commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from api.graphql.declare import list_of, output_field, union
from api.graphql.input_types import InputTypes
from api.graphql.item_lookups import json_look_up
from api.graphql.scalars import JSON
from api.graphql.strawberry_internals import Field
from api.graphql.type_registry import TypeRegistry
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


class TypeMap(TypeRegistry):
    """Turns declared types into GraphQL types, as docs/types.md has them.

    Text in a field named ``id`` or ``…_id`` is an ID, a record an object type (in commands an input type),
    and a value without a declared form is JSON. Raises DeclarationError where an annotation is not in the
    table.
    """

    def __init__(self) -> None:
        super().__init__()
        self._inputs = InputTypes(self)
        self.typenames: dict[str, Callable[[Any], str]] = {}
        """For each union of records the function that returns the type of a stored value."""

    def of(self, annotation: Any, field: str, place: str) -> Any:
        """Return the output type of a field; `place` names the class that declares it, for the error."""
        return self.output(field_type(annotation, f"{place}.{field}"), field)

    def row_fields(self, row: type) -> list[Field]:
        """Return the fields of a TypedDict, or of a record that is part of one."""
        fields = record_type(row).fields
        for name in fields:
            check_name(f"{row.__name__}.{name}", name)
        return [self._field(name, field) for name, field in fields.items()]

    def model_input(self, model: type[BaseModel], name: str) -> Any:
        """Return the input type of a command; a field with a default may be left out."""
        return self._inputs.record(record_type(model), name)

    def _field(self, name: str, field: RecordField) -> Field:
        declared = field.type
        shape = self.output(declared, name)
        if field.may_be_absent:
            shape = shape | None
        if _may_exceed_int(declared):
            return output_field(name, shape | None, "Null, with an error, where the value exceeds 32 bits.")
        if _is_stored_json(declared) and (to_json := json_writer(declared, client_name)) is not None:
            return output_field(name, shape, resolver=json_look_up(name, to_json))
        return output_field(name, shape)

    def output(self, declared: FieldType, field: str) -> Any:
        """Return the output type of a declared type, in a field of this name."""
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

    def _union(self, declared: OneOf, field: str) -> Any:
        name = union_name(declared)
        members = [self.output(member, field) for member in declared.members]
        by_value = {value: member.python.__name__ for value, member in declared.by_value.items()}
        self.typenames[name] = lambda value: by_value[value[declared.discriminator]]
        text = f"The members have different values of `{client_name(declared.discriminator)}`."
        return self.claim(name, declared, lambda: union(name, members, text))


def union_name(declared: OneOf) -> str:
    """Return the name of a union's type, such as ``CardOrCash``."""
    return "Or".join(member.python.__name__ for member in declared.members)


def _may_exceed_int(declared: FieldType) -> bool:
    """Return whether the field has integers beyond GraphQL's Int, which makes it nullable."""
    match declared:
        case Scalar(Kind.INTEGER, _, None, None):
            return True
        case OptionalOf(inner) | ListOf(inner, _):
            return _may_exceed_int(inner)
        case TupleOf(items) if len(set(items)) == 1:
            return _may_exceed_int(items[0])
    return False


def _is_stored_json(declared: FieldType) -> bool:
    """Return whether the field is JSON, or lists of JSON, whose values are stored in another form."""
    match declared:
        case OptionalOf(inner) | ListOf(inner, _):
            return _is_stored_json(inner)
        case TupleOf(items) if len(set(items)) == 1:
            return _is_stored_json(items[0])
    return isinstance(declared, TupleOf | MapOf)
