"""Values of declared types as a client sends and receives them: what the API has to do, said once more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta
from enum import Enum
from typing import Any

from pydantic import BaseModel
from strawberry.utils.str_converters import to_camel_case
from typing_extensions import is_typeddict

from api.graphql.scalars import is_int32
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
)
from domain.kernel.types.json_values import json_writer
from domain.kernel.types.stored_values import encoder
from domain.kernel.types.text_forms import write_bytes, write_duration


class Unwritable(Exception):
    """An integer that GraphQL's Int cannot represent, or null in a required field."""


def is_plain_int(scalar: Scalar) -> bool:
    return scalar.kind is Kind.INTEGER and scalar.bits is None and scalar.choices is None


def _scalar(scalar: Scalar, value: Any) -> Any:
    """A Python value as text or number; raises Unwritable."""
    if scalar.choices is not None and issubclass(scalar.python, Enum):
        return scalar.python(value).name
    if is_plain_int(scalar) and not is_int32(value):
        raise Unwritable
    match scalar.kind:
        case Kind.INTEGER if scalar.bits == 64 or not all(map(is_int32, scalar.choices or ())):
            return str(int(value))
        case Kind.DECIMAL | Kind.UUID:
            return str(value)
        case Kind.DATETIME:
            return value.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        case Kind.DATE:
            return value.isoformat()
        case Kind.TIME:
            return value.isoformat(timespec="microseconds")
        case Kind.DURATION:
            return write_duration(value // timedelta(microseconds=1))
        case Kind.BYTES:
            return write_bytes(value)
    return value


def _is_json(declared: FieldType) -> bool:
    return isinstance(declared, MapOf) or (isinstance(declared, TupleOf) and len(set(declared.items)) > 1)


def _json(declared: FieldType, value: Any) -> Any:
    encode, write = encoder(declared), json_writer(declared, to_camel_case)
    stored = value if encode is None else encode(value)
    return stored if write is None else write(stored)


def _item(declared: FieldType) -> FieldType | None:
    match declared:
        case ListOf(item, _) | TupleOf((item, *_)):
            return item
    return None


def _ordered(declared: FieldType, value: Any) -> list[Any]:
    """The items of a list; of a set, in the order in which they are stored."""
    if not isinstance(value, set | frozenset):
        return list(value)
    item, encode = _item(declared), encoder(declared)
    assert item is not None
    assert encode is not None
    stored = encode(value)
    one: Any = encoder(item)
    left = [(each if one is None else one(each), each) for each in value]
    return [next(each for kept, each in left if kept == place) for place in stored]


def fields_of(record: RecordOf, value: Any) -> Mapping[str, Any]:
    """The fields of a record's value that are there."""
    if is_typeddict(record.python):
        return dict(value)
    if isinstance(value, BaseModel):
        return dict(value.__dict__)
    return {name: getattr(value, name) for name in record.fields}


def member_of(union: OneOf, value: Any) -> tuple[int, RecordOf]:
    """The member of a union that a value belongs to, and its place."""
    for place, member in enumerate(union.members):
        if is_typeddict(member.python) and isinstance(value, dict):
            if value[union.discriminator] in [
                choice for choice, of in union.by_value.items() if of is member
            ]:
                return place, member
        elif not is_typeddict(member.python) and isinstance(value, member.python):
            return place, member
    raise AssertionError(value)


def to_input(declared: FieldType, value: Any) -> Any:
    """A value as a variable of the API; raises Unwritable."""
    if value is None:
        return None
    if _is_json(declared):
        return _json(declared, value)
    match declared:
        case Scalar():
            return _scalar(declared, value)
        case OptionalOf(inner):
            return to_input(inner, value)
        case RecordOf():
            given = fields_of(declared, value)
            return {
                to_camel_case(name): field_input(field.type, given[name])
                for name, field in declared.fields.items()
                if name in given and not _is_constant(field)
            }
        case OneOf():
            _, member = member_of(declared, value)
            name = member.python.__name__
            return {name[0].lower() + name[1:]: to_input(member, value)}
    item = _item(declared)
    assert item is not None
    return [to_input(item, each) for each in _ordered(declared, value)]


def field_input(declared: FieldType, value: Any) -> Any:
    """The same of a field. Unlike an element, one that is JSON has to be optional to be null."""
    if value is None and isinstance(declared, Scalar):
        raise Unwritable
    return to_input(declared, value)


def _is_constant(field: RecordField) -> bool:
    return isinstance(field.type, Scalar) and field.type.choices is not None and len(field.type.choices) == 1


def selection(declared: FieldType) -> str:
    """What selects all of a value; members of a union have aliases, since types of one name may differ."""
    match declared:
        case OptionalOf(inner) | ListOf(inner, _):
            return selection(inner)
        case TupleOf((inner, *_)) if not _is_json(declared):
            return selection(inner)
        case RecordOf():
            return f"{{ {_selected(declared, '')} }}"
        case OneOf(_, members):
            parts = [
                f"... on {member.python.__name__} {{ {_selected(member, f'm{place}_')} }}"
                for place, member in enumerate(members)
            ]
            return f"{{ __typename {' '.join(parts)} }}"
    return ""


def _selected(record: RecordOf, prefix: str) -> str:
    alias = f"{prefix}{{0}}: " if prefix else ""
    return " ".join(
        f"{alias.format(to_camel_case(name))}{to_camel_case(name)} {selection(field.type)}"
        for name, field in record.fields.items()
    )


def to_output(declared: FieldType, value: Any) -> Any:
    """A value as the API writes it; raises Unwritable where that nulls what is around it."""
    if value is None:
        return None
    if _is_json(declared):
        return _json(declared, value)
    match declared:
        case Scalar():
            return _scalar(declared, value)
        case OptionalOf(inner):
            return _or_null(inner, value)
        case RecordOf():
            return record_output(declared, value, "")
        case OneOf():
            place, member = member_of(declared, value)
            return {"__typename": member.python.__name__, **record_output(member, value, f"m{place}_")}
    item = _item(declared)
    assert item is not None
    return [to_output(item, each) for each in _ordered(declared, value)]


def record_output(record: RecordOf, value: Any, prefix: str) -> dict[str, Any]:
    """The fields of a record: each that cannot be written is null itself."""
    given = fields_of(record, value)
    return {
        f"{prefix}{to_camel_case(name)}": _or_null(field.type, given.get(name))
        for name, field in record.fields.items()
    }


def _or_null(declared: FieldType, value: Any) -> Any:
    try:
        return to_output(declared, value)
    except Unwritable:
        return None


def is_writable(declared: FieldType, value: Any) -> bool:
    """Whether no part of a value is an integer that GraphQL's Int cannot represent."""
    try:
        field_input(declared, value)
    except Unwritable:
        return False
    return True
