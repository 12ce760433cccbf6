"""The declared types of fields, from annotations; docs/types.md has the table of types.

`field_type` reads an annotation, `record_type` a class. Both return the nodes of `domain.kernel.types.nodes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
)
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, FutureDate, JsonValue, PastDate
from typing_extensions import ReadOnly

from domain.kernel.errors import DeclarationError
from domain.kernel.fields import Bits, Json, check_json
from domain.kernel.name_checks import check_distinct
from domain.kernel.types.nodes import (
    ABSENT,
    Absent,
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
    allows_none,
    choices_of,
    holds_kind,
    inner_types,
    is_recursive,
    is_text,
)
from domain.kernel.types.record_fields import declared_fields, is_record
from domain.kernel.types.refusals import refusal, type_name, type_names

__all__ = [
    "ABSENT", "Absent", "FieldType", "Kind", "ListOf", "MapOf", "OneOf", "OptionalOf", "RecordField",
    "RecordOf", "Scalar", "TupleOf", "allows_none", "choices_of", "field_type", "holds_kind", "inner_types",
    "is_recursive", "is_text", "record_type",
]  # fmt: skip

_SCALARS: Mapping[Any, Scalar] = {
    str: Scalar(Kind.TEXT, str),
    bool: Scalar(Kind.BOOLEAN, bool),
    int: Scalar(Kind.INTEGER, int),
    float: Scalar(Kind.NUMBER, float),
    Decimal: Scalar(Kind.DECIMAL, Decimal),
    datetime: Scalar(Kind.DATETIME, datetime),
    AwareDatetime: Scalar(Kind.DATETIME, datetime),
    date: Scalar(Kind.DATE, date),
    PastDate: Scalar(Kind.DATE, date),
    FutureDate: Scalar(Kind.DATE, date),
    time: Scalar(Kind.TIME, time),
    timedelta: Scalar(Kind.DURATION, timedelta),
    UUID: Scalar(Kind.UUID, UUID),
    bytes: Scalar(Kind.BYTES, bytes),
    JsonValue: Scalar(Kind.JSON, JsonValue),
}

_CHOICE_KINDS: Mapping[type, Kind] = {str: Kind.TEXT, int: Kind.INTEGER, bool: Kind.BOOLEAN}


def field_type(annotation: Any, place: str) -> FieldType:
    """Return the type that an annotation declares. `place` is class and field, for the message.

    Raises DeclarationError, with an alternative, if the annotation is not in the table of types.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None and (scalar := _SCALARS.get(annotation)) is not None:
        return scalar
    for named in ("__supertype__", "__value__"):  # of a NewType, of a type alias
        if origin is None and hasattr(annotation, named):
            return field_type(getattr(annotation, named), place)
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1:], place)
    if origin in (Required, NotRequired, ReadOnly):
        return field_type(arguments[0], place)
    if origin in (Union, UnionType):
        return _union(arguments, place)
    if origin is Literal:
        return _literal(arguments, place)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _enum(annotation, place)
    if is_record(annotation):
        return record_type(annotation)
    if origin is not None:
        return _collection(origin, arguments, annotation, place)
    raise DeclarationError(f"{place}: {refusal(annotation)}")


@cache
def record_type(python: Any) -> RecordOf:
    """Return the record that a class declares; the same object each time.

    Raises DeclarationError for a class that is no record, and for a field whose type is not in the table.
    """
    if python in _in_progress:
        return _in_progress[python]
    fields: dict[str, RecordField] = {}
    record = _in_progress[python] = RecordOf(python, MappingProxyType(fields))
    try:
        for each in declared_fields(python):
            declared = field_type(each.annotation, f"{python.__name__}.{each.name}")
            check_distinct(python.__name__, each.name, fields)
            fields[each.name] = RecordField(declared, each.required, each.default, each.default_factory)
    finally:
        del _in_progress[python]
    return record


_in_progress: dict[Any, RecordOf] = {}
"""Records whose fields are being read, because a record may be recursive."""


def _annotated(annotation: Any, marks: tuple[Any, ...], place: str) -> FieldType:
    if annotation is JsonValue:
        checked = any(isinstance(mark, AfterValidator) and mark.func is check_json for mark in marks)
        return Scalar(Kind.JSON, Json if checked else JsonValue)
    if annotation is int:
        return Scalar(
            Kind.INTEGER, int, bits=next((mark.count for mark in marks if isinstance(mark, Bits)), None)
        )
    return field_type(annotation, place)


def _union(members: tuple[Any, ...], place: str) -> FieldType:
    some = [member for member in members if member is not NoneType]
    declared = [field_type(member, place) for member in some]
    records = tuple(member for member in declared if isinstance(member, RecordOf))
    if len(declared) == 1:
        inner = declared[0]
    elif len(records) == len(declared):
        inner = _one_of(records, place)
    else:
        raise DeclarationError(
            f"{place}: a union of {type_names(some)} cannot be distinguished when it is read; use Json, or a "
            "union of models that have a Literal field of one name with different values"
        )
    if len(some) == len(members) or isinstance(inner, OptionalOf):
        return inner
    return OptionalOf(inner)


def _one_of(members: tuple[RecordOf, ...], place: str) -> OneOf:
    literals = [_literal_fields(member.python) for member in members]
    for name in literals[0]:
        choices = [choice for fields in literals for choice in fields.get(name, ())]
        if all(name in fields for fields in literals) and len(set(choices)) == len(choices):
            return OneOf(name, members)
    raise DeclarationError(
        f"{place}: {type_names([member.python for member in members])} cannot be distinguished when they are "
        "read; give each a Literal field of one name with a value of its own, as in "
        '`kind: Literal["card"] = "card"`'
    )


def _literal_fields(python: Any) -> dict[str, tuple[Any, ...]]:
    """Return the Literal fields of a class with their values. Its record may be incomplete at this time."""
    bare = {each.name: _without_marks(each.annotation) for each in declared_fields(python)}
    return {name: get_args(hint) for name, hint in bare.items() if get_origin(hint) is Literal}


def _without_marks(annotation: Any) -> Any:
    while get_origin(annotation) in (Annotated, Required, NotRequired, ReadOnly):
        annotation = get_args(annotation)[0]
    return annotation


def _literal(values: tuple[Any, ...], place: str) -> FieldType:
    present = tuple(value for value in values if value is not None)
    stored = tuple(value.value if isinstance(value, Enum) else value for value in present)
    kinds = {_CHOICE_KINDS.get(type(value)) for value in stored}
    classes = {type(value) for value in present}
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is None or len(classes) > 1:
        raise DeclarationError(
            f"{place}: the values of a Literal are all texts, all integers or all booleans"
        )
    scalar = Scalar(kind, classes.pop(), stored)
    return OptionalOf(scalar) if len(present) < len(values) else scalar


def _enum(python: type[Enum], place: str) -> Scalar:
    values = tuple(member.value for member in python)
    kinds = {_CHOICE_KINDS.get(type(value)) for value in values} - {Kind.BOOLEAN}
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is None or issubclass(python, Flag):
        raise DeclarationError(
            f"{place}: the values of the Enum {python.__name__} must be all texts or all integers; "
            "give its members such values, as a StrEnum has"
        )
    return Scalar(kind, python, values)


def _collection(origin: Any, arguments: tuple[Any, ...], annotation: Any, place: str) -> FieldType:
    if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        if not arguments:
            raise DeclarationError(f"{place}: an empty tuple has no items; name the types of its items")
        return TupleOf(tuple(field_type(item, place) for item in arguments))
    if origin in (list, tuple, set, frozenset):
        listed = ListOf(field_type(arguments[0], place), origin)
        if origin in (set, frozenset) and not is_hashable(listed.item):
            raise DeclarationError(
                f"{place}: {type_name(annotation)} cannot contain {type_name(arguments[0])}, which has no "
                "hash; use list[…], or items that are frozen: a frozen dataclass or model, a tuple, a "
                "frozenset"
            )
        return listed
    if origin is dict or getattr(origin, "__name__", "") == "Mapping":
        return _map(arguments, place)
    raise DeclarationError(f"{place}: {refusal(annotation)}")


def _map(arguments: tuple[Any, ...], place: str) -> MapOf:
    key = field_type(arguments[0], place)
    if not isinstance(key, Scalar) or key.kind is not Kind.TEXT:
        raise DeclarationError(
            f"{place}: the keys of a dict are texts, not {type_name(arguments[0])}; use str or an Enum of "
            "texts, or a list of models that have the key as a field"
        )
    return MapOf(key, field_type(arguments[1], place))


def is_hashable(type: FieldType) -> bool:
    """Return whether values of the type can be items of a set."""
    match type:
        case Scalar(kind, _, _):
            return kind is not Kind.JSON
        case ListOf(item, container):
            return container in (tuple, frozenset) and is_hashable(item)
        case MapOf():
            return False
        case RecordOf(python, fields):
            return python.__hash__ is not None and not any(
                isinstance(each.type, MapOf | ListOf) and not is_hashable(each.type)
                for each in fields.values()
            )
    return all(map(is_hashable, inner_types(type)))
