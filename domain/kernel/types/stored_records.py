"""Conversion of BSON documents to models, dataclasses, TypedDicts and NamedTuples.

A field that is missing in a document gets its default. If it has none and allows None, it is None: earlier
versions of nerve did not store null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel
from typing_extensions import is_typeddict

from domain.kernel.errors import UnfitValue
from domain.kernel.types.annotations import FieldType, RecordOf, allows_none
from domain.kernel.types.model_making import model_maker
from domain.kernel.types.record_fields import is_named_tuple
from domain.kernel.types.refusals import class_name
from domain.kernel.types.value_structure import Convert
from domain.kernel.user_exceptions import FAULTS


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
