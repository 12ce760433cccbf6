"""The nodes of declared types, which `annotations` makes from annotations. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any


class Kind(StrEnum):
    """The kinds of scalars, which are stored as one BSON value."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    DECIMAL = "decimal"
    DATETIME = "datetime"
    DATE = "date"
    TIME = "time"
    DURATION = "duration"
    UUID = "uuid"
    BYTES = "bytes"
    JSON = "json"


class Absent(Enum):
    """The marker for a field without a default."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value of the class `python`. `choices` are the stored values of an Enum or a Literal.

    For JSON `python` is `Json` if pydantic checks that the value can be stored, else `JsonValue`. `bits` is
    the size of an integer that declares one, as `Int32` and `Int64` do.
    """

    kind: Kind
    python: Any
    choices: tuple[Any, ...] | None = None
    bits: int | None = None


@dataclass(frozen=True, slots=True)
class OptionalOf:
    """A value or None."""

    inner: FieldType


@dataclass(frozen=True, slots=True)
class ListOf:
    """Any number of items in a `container`: list, tuple, set or frozenset."""

    item: FieldType
    container: type


@dataclass(frozen=True, slots=True)
class TupleOf:
    """A tuple of fixed length, with a type for each item."""

    items: tuple[FieldType, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    """A dict. `key` is a text, a Literal of texts or an Enum of texts."""

    key: Scalar
    value: FieldType


@dataclass(frozen=True, slots=True)
class RecordField:
    """A field of a record.

    A field that is not `required` has a `default` or a `default_factory`, or is the key of a TypedDict and
    may be absent.
    """

    type: FieldType
    required: bool
    default: Any = ABSENT
    default_factory: Callable[..., Any] | None = None

    @property
    def is_none_by_default(self) -> bool:
        """Whether None is the default; it is not stored then."""
        return not self.required and self.default is None and self.default_factory is None

    @property
    def may_be_absent(self) -> bool:
        """Whether the key of a TypedDict may be missing."""
        return not self.required and self.default is ABSENT and self.default_factory is None


@dataclass(frozen=True, slots=True)
class RecordOf:
    """A pydantic model, dataclass, TypedDict or NamedTuple. Its fields may contain the record itself."""

    python: type
    fields: Mapping[str, RecordField] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several records, distinguished by the Literal value of the field `discriminator`."""

    discriminator: str
    members: tuple[RecordOf, ...]

    @property
    def by_value(self) -> Mapping[Any, RecordOf]:
        """The record for each stored value of the discriminator."""
        return {
            choice: member
            for member in self.members
            for choice in choices_of(member.fields[self.discriminator].type)
        }


FieldType = Scalar | OptionalOf | ListOf | TupleOf | MapOf | RecordOf | OneOf


def choices_of(type: FieldType) -> tuple[Any, ...]:
    """Return the stored values of a Literal or an Enum; empty for every other type."""
    return (type.choices or ()) if isinstance(type, Scalar) else ()


def is_text(type: FieldType) -> bool:
    """Return whether the values are arbitrary texts, or None."""
    inner = type.inner if isinstance(type, OptionalOf) else type
    return inner == Scalar(Kind.TEXT, str)


def allows_none(type: FieldType) -> bool:
    """Return whether None is a value of the type."""
    return isinstance(type, OptionalOf) or (isinstance(type, Scalar) and type.kind is Kind.JSON)


def holds_kind(type: FieldType, kind: Kind) -> bool:
    """Return whether a value of the type may contain one of the kind."""
    return _holds_kind(type, kind, set())


def _holds_kind(type: FieldType, kind: Kind, seen: set[RecordOf]) -> bool:
    if isinstance(type, Scalar):
        return type.kind is kind
    if isinstance(type, RecordOf):
        if type in seen:
            return False
        seen.add(type)
        return any(_holds_kind(field.type, kind, seen) for field in type.fields.values())
    return any(_holds_kind(inner, kind, seen) for inner in inner_types(type))


def is_recursive(record: RecordOf) -> bool:
    """Return whether the record's fields may contain values of the record itself, at any depth."""
    seen: set[RecordOf] = set()
    to_do: list[FieldType] = [field.type for field in record.fields.values()]
    while to_do:
        declared = to_do.pop()
        if declared == record:
            return True
        if isinstance(declared, RecordOf):
            if declared not in seen:
                seen.add(declared)
                to_do += [field.type for field in declared.fields.values()]
        else:
            to_do += inner_types(declared)
    return False


def inner_types(type: FieldType) -> Iterator[FieldType]:
    """Yield the types that a type consists of, without those of a record's fields."""
    match type:
        case OptionalOf(inner):
            yield inner
        case ListOf(item, _):
            yield item
        case TupleOf(items):
            yield from items
        case MapOf(key, value):
            yield from (key, value)
        case OneOf(_, members):
            yield from members
        case _:
            return
