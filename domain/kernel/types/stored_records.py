"""Conversion of models, dataclasses, TypedDicts and NamedTuples to BSON documents and back.

A field that is None is not stored if None is its default, and stored as null otherwise. A field that is
missing in a document gets its default. If it has none and allows None, it is None: earlier versions of nerve
did not store null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    is_recursive,
    is_text,
)
from domain.kernel.types.model_making import model_maker
from domain.kernel.types.record_fields import is_named_tuple
from domain.kernel.types.refusals import class_name, wrong_class
from domain.kernel.types.stored_scalars import encode_text
from domain.kernel.types.value_structure import Convert
from domain.kernel.user_exceptions import FAULTS


def allows_none(type: FieldType) -> bool:
    """Return whether None is a value of the type."""
    return isinstance(type, OptionalOf) or (isinstance(type, Scalar) and type.kind is Kind.JSON)


MAX_DEPTH = 50
"""The maximum depth of values of one record inside each other; MongoDB limits the depth of documents."""


class _Fields(NamedTuple):
    """The fields of a record by the way in which they are encoded.

    `nulls` are stored also where they are None, `firm` do not allow None. `texts` rarely need a call;
    `encoders` are those of the other fields, for values that are not None.
    """

    names: tuple[str, ...]
    nulls: frozenset[str]
    firm: Mapping[str, Convert]
    texts: tuple[str, ...]
    encoders: tuple[tuple[str, Convert], ...]


class RecordEncoder:
    """Encodes and checks values of one record, because nothing has validated the inside of a dataclass."""

    def __init__(self, record: RecordOf, encoder: Callable[[FieldType], Convert | None]) -> None:
        self._record = record
        self._encoder = encoder
        self._fields: _Fields | None = None
        self._is_dict = is_typeddict(record.python)
        self._values = _reader(record)
        self._is_recursive = is_recursive(record)
        # The number of values of this record around the one that is being encoded.
        self._depth = 0

    def __call__(self, value: Any) -> dict[str, Any]:
        """Return the document. Raises UnfitValue with the path of the field that does not fit."""
        if not self._is_recursive:
            return self._encode(value)
        if self._depth == MAX_DEPTH:
            name = self._record.python.__name__
            raise UnfitValue(f"a {name} must not contain others more than {MAX_DEPTH} deep")
        self._depth += 1
        try:
            return self._encode(value)
        finally:
            self._depth -= 1

    def _encode(self, value: Any) -> dict[str, Any]:
        python = self._record.python
        fits = isinstance(value, Mapping) if self._is_dict else type(value) is python
        if not fits:
            raise wrong_class(value, f"a {python.__name__}")
        return self._document(self._values(value))

    def _document(self, values: Mapping[str, Any]) -> dict[str, Any]:
        fields = self._fields or self._compile()
        nulls = fields.nulls
        names = self._names_in(values) if self._is_dict else fields.names
        try:
            # Most fields of a large record are None or texts: neither costs a call.
            document = {name: value for name in names if (value := values[name]) is not None or name in nulls}
        except KeyError as error:
            raise UnfitValue("the field is missing", (str(error.args[0]),)) from None
        name = ""
        try:
            if not fields.firm.keys() <= document.keys():
                for name, encode in fields.firm.items():
                    if name in values and name not in document:
                        encode(None)
            for name in fields.texts:
                text = document.get(name)
                if text is not None and (type(text) is not str or not text.isascii()):
                    document[name] = encode_text(text)
            for name, encode in fields.encoders:
                if (value := document.get(name)) is not None:
                    document[name] = encode(value)
        except UnfitValue as error:
            raise error.at(name) from None
        if self._is_dict and len(values) > len(document):
            self._check_names(values)
        return document

    def _compile(self) -> _Fields:
        # Not before the first value, because a record may be recursive.
        fields = self._record.fields
        encoders = {name: self._encode_of(field) for name, field in fields.items()}
        self._fields = compiled = _Fields(
            names=tuple(fields),
            nulls=frozenset(
                name
                for name, field in fields.items()
                if allows_none(field.type) and not field.is_none_by_default
            ),
            firm={name: encoders[name] for name, field in fields.items() if not allows_none(field.type)},
            texts=tuple(name for name, field in fields.items() if is_text(field.type)),
            encoders=tuple(each for each in encoders.items() if not is_text(fields[each[0]].type)),
        )
        return compiled

    def _encode_of(self, field: RecordField) -> Convert:
        """Return the encoder of values that are not None, or of all where None is not allowed."""
        encode = self._encoder(field.type.inner if isinstance(field.type, OptionalOf) else field.type)
        assert encode is not None
        return encode

    def _names_in(self, values: Mapping[str, Any]) -> list[str]:
        """Return the fields of a TypedDict that are in a value."""
        for name, field in self._record.fields.items():
            if name not in values and not field.may_be_absent:
                raise UnfitValue("the field is missing", (name,))
        return [name for name in self._record.fields if name in values]

    def _check_names(self, values: Mapping[str, Any]) -> None:
        unknown = [name for name in values if name not in self._record.fields]
        if unknown:
            raise UnfitValue(f"{self._record.python.__name__} has no such field", (str(unknown[0]),))


def _reader(record: RecordOf) -> Callable[[Any], Mapping[str, Any]]:
    """Return the function from a value of the record to its fields."""
    names = tuple(record.fields)
    if is_typeddict(record.python):
        return lambda value: value
    if issubclass(record.python, BaseModel):
        return vars
    if is_named_tuple(record.python):
        return lambda value: dict(zip(names, value, strict=True))
    return lambda value: {name: getattr(value, name) for name in names if hasattr(value, name)}


class RecordDecoder:
    """Decodes documents of one record to values of its class, or to dicts of fields for pydantic."""

    def __init__(
        self, record: RecordOf, decoder: Callable[[FieldType], Convert | None], *, whole: bool
    ) -> None:
        self._record = record
        self._decoder = decoder
        self._decoders: dict[str, Convert | None] = {}
        self._required: frozenset[str] = frozenset()
        self._whole = whole
        self._make = _maker(record) if whole else dict
        self._is_dict = is_typeddict(record.python)

    def __call__(self, stored: Any) -> Any:
        """Return the value. Raises UnfitValue with the path of the field that does not fit."""
        python = self._record.python
        # The usual case first, because `isinstance` takes long for models.
        if type(stored) is not dict and not self._is_dict and isinstance(stored, python):
            return stored
        if isinstance(stored, list) and is_named_tuple(python):
            # Earlier versions of nerve stored NamedTuples as arrays.
            stored = dict(zip(self._record.fields, stored, strict=False))
        if not isinstance(stored, Mapping):
            raise UnfitValue(f"what is stored is no {python.__name__}, but of class {class_name(stored)}")
        values: dict[str, Any] = {} if self._whole else dict(stored)
        name = ""
        try:
            for name, decode in (self._decoders or self._compile()).items():
                if name in stored:
                    values[name] = stored[name] if decode is None else decode(stored[name])
        except UnfitValue as error:
            raise error.at(name) from None
        if not self._required <= stored.keys():
            self._add_missing(values)
        return self._make(values)

    def _compile(self) -> dict[str, Convert | None]:
        # Not before the first value, because a record may be recursive.
        fields = self._record.fields
        self._decoders = {name: self._decoder(field.type) for name, field in fields.items()}
        self._required = frozenset(name for name, field in fields.items() if field.required)
        return self._decoders

    def _add_missing(self, values: dict[str, Any]) -> None:
        for name, field in self._record.fields.items():
            if not field.required or name in values:
                continue
            if allows_none(field.type):
                values[name] = None
            elif self._whole:
                raise UnfitValue("what is stored lacks the field", (name,))


def _maker(record: RecordOf) -> Callable[[dict[str, Any]], Any]:
    """Return a function from fields to a value of the record. Stored data is not validated again."""
    python: Any = record.python
    if is_typeddict(python):
        return lambda values: values
    if issubclass(python, BaseModel):
        return model_maker(python)

    def make(values: dict[str, Any]) -> Any:
        try:
            return python(**values)
        except FAULTS as error:
            # The text of the error may contain the data.
            raise UnfitValue(f"{python.__name__} raises {type(error).__name__} for what is stored") from None

    return make
