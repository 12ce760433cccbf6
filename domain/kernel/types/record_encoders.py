"""Conversion of models, dataclasses, TypedDicts and NamedTuples to BSON documents.

A field that is None is not stored if None is its default, and stored as null otherwise.

The encoder of each record is generated as Python code: most fields of a large record are None or texts, for
which a loop over the fields would take longer than the work. Of the record, the code has the names of fields
as literals, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel
from typing_extensions import is_typeddict

from domain.kernel.errors import UnfitValue
from domain.kernel.types.annotations import (
    FieldType,
    Kind,
    OptionalOf,
    RecordField,
    RecordOf,
    Scalar,
    allows_none,
    is_recursive,
    is_text,
)
from domain.kernel.types.record_fields import is_named_tuple
from domain.kernel.types.refusals import missing_field, wrong_class
from domain.kernel.types.stored_scalars import INT64_MAX, INT64_MIN
from domain.kernel.types.value_structure import Convert

EncoderOf = Callable[[FieldType], Convert | None]
"""Returns the encoder of a type, which is never None."""

MAX_DEPTH = 50
"""The maximum depth of values of one record inside each other; MongoDB limits the depth of documents."""


class RecordEncoder:
    """Encodes and checks values of one record, because nothing has validated the inside of a dataclass.

    The code is generated with the first value, because a record may be recursive.
    """

    def __init__(self, record: RecordOf, encoder: EncoderOf, owner: str = "") -> None:
        """`owner` is the name of the class that errors name, which those of nested records do not."""
        self._record = record
        self._encoder = encoder
        self._owner = owner
        self._encode: Convert | None = None
        self._is_recursive = is_recursive(record)
        # The number of values of this record around the one that is being encoded.
        self._depth = 0

    def __call__(self, value: Any) -> dict[str, Any]:
        """Return the document. Raises UnfitValue with the path of the field that does not fit."""
        encode: Callable[[Any], dict[str, Any]] = self._encode or self.compiled()
        if not self._is_recursive:
            return encode(value)
        if self._depth == MAX_DEPTH:
            name = self._record.python.__name__
            raise UnfitValue(f"a {name} must not contain others more than {MAX_DEPTH} deep")
        self._depth += 1
        try:
            return encode(value)
        finally:
            self._depth -= 1

    def compiled(self) -> Convert:
        """Return the generated function, which does not limit the depth of values inside each other."""
        if self._encode is None:
            fields = [
                _Field(name, field, self._encode_of(field)) for name, field in self._record.fields.items()
            ]
            self._encode = _generate(self._record, fields, self._owner)
        return self._encode

    def _encode_of(self, field: RecordField) -> Convert:
        """Return the encoder of values that are not None, or of all where None is not allowed."""
        encode = self._encoder(_inner(field.type))
        assert encode is not None
        if isinstance(encode, RecordEncoder) and not encode._is_recursive:
            return encode.compiled()
        return encode


class _Field(NamedTuple):
    name: str
    declared: RecordField
    encode: Convert

    @property
    def is_left_out(self) -> bool:
        """Whether a value that is None is not stored."""
        return self.declared.is_none_by_default

    def expression(self, place: int) -> str:
        """Return the code that encodes `field`; values of the usual class need no call."""
        call = f"encode_{place}(field)"
        usual = self._usual(place)
        encoded = call if usual is None else f"{usual} else {call}"
        if allows_none(self.declared.type) and not self.is_left_out:
            return f"None if field is None else {encoded}"
        return encoded

    def _usual(self, place: int) -> str | None:
        declared = _inner(self.declared.type)
        if is_text(declared):
            # Nearly all texts are ASCII; others may contain surrogates, which pydantic accepts.
            return "field if type(field) is str and field.isascii()"
        if isinstance(declared, Scalar) and declared.choices is None:
            return _USUAL.get((declared.kind, declared.bits))
        if _is_whole_enum(declared):
            return f"field._value_ if type(field) is enum_{place}"
        return None


_INTEGER = f"field if type(field) is int and {INT64_MIN} <= field <= {INT64_MAX}"

_USUAL = {
    (Kind.BOOLEAN, None): "field if field is True or field is False",
    (Kind.INTEGER, None): _INTEGER,
    (Kind.INTEGER, 64): _INTEGER,
}


def _inner(declared: FieldType) -> FieldType:
    return declared.inner if isinstance(declared, OptionalOf) else declared


def _is_whole_enum(declared: FieldType) -> bool:
    """Return whether the values are all members of an Enum."""
    if not isinstance(declared, Scalar) or declared.choices is None:
        return False
    return hasattr(declared.python, "__members__") and len(declared.python) == len(declared.choices)


def _generate(record: RecordOf, fields: list[_Field], owner: str) -> Convert:
    names: dict[str, Any] = {
        "record_class": Mapping if is_typeddict(record.python) else record.python,
        "UnfitValue": UnfitValue,
        "wrong": lambda value: wrong_class(value, f"a {record.python.__name__}"),
        "misfit": lambda error, name, is_missing: _misfit(error, name, owner, is_missing=is_missing),
        "check_names": lambda values: _check_names(record, values),
    }
    for place, field in enumerate(fields):
        names[f"encode_{place}"] = field.encode
        names[f"enum_{place}"] = getattr(_inner(field.declared.type), "python", None)
    arguments = ", ".join(names)
    lines = (f"    {line}" for line in _lines(record, fields))
    code: dict[str, Any] = {}
    exec("\n".join([f"def make({arguments}):", "  def encode(value):", *lines, "  return encode"]), code)
    encode: Convert = code["make"](**names)
    return encode


def _lines(record: RecordOf, fields: list[_Field]) -> Iterator[str]:
    is_dict = is_typeddict(record.python)
    fits = "isinstance(value, record_class)" if is_dict else "type(value) is record_class"
    yield f"if not {fits}: raise wrong(value)"
    is_model = not is_dict and issubclass(record.python, BaseModel)
    yield f"values = {'value.__dict__' if is_model else 'value'}"
    yield "document, name = {}, ''"
    yield "try:"
    yield "  pass"
    for place, field in enumerate(fields):
        yield f"  name = {field.name!r}"
        if field.declared.may_be_absent:
            yield "  if name in values:"
        for line in _field_lines(field, place, _read(record, field.name, place)):
            yield f"  {'  ' if field.declared.may_be_absent else ''}{line}"
    yield "except UnfitValue as error: raise misfit(error, name, False) from None"
    has_field = "hasattr(value, name)" if not (is_dict or is_model) else "name in values"
    yield f"except (KeyError, AttributeError) as error: raise misfit(error, name, not {has_field}) from None"
    if is_dict:
        yield "if len(value) > len(document): check_names(value)"
    yield "return document"


def _field_lines(field: _Field, place: int, read: str) -> Iterator[str]:
    yield f"field = {read}"
    condition = "if field is not None: " if field.is_left_out else ""
    yield f"{condition}document[{field.name!r}] = {field.expression(place)}"


def _read(record: RecordOf, name: str, place: int) -> str:
    """Return the code that reads a field of a value."""
    if is_named_tuple(record.python):
        return f"value[{place}]"
    if is_typeddict(record.python) or issubclass(record.python, BaseModel):
        return f"values[{name!r}]"
    return f"value.{name}"


def _misfit(error: Exception, name: str, owner: str, *, is_missing: bool) -> Exception:
    """Return the error of a field with its name, and other errors as they are."""
    if isinstance(error, UnfitValue):
        return error.at(name, owner=owner)
    return missing_field(name, owner) if is_missing else error


def _check_names(record: RecordOf, values: Mapping[str, Any]) -> None:
    """Refuse keys of a TypedDict that it does not declare."""
    unknown = [name for name in values if name not in record.fields]
    if unknown:
        raise UnfitValue(f"{record.python.__name__} has no such field", (str(unknown[0]),))
