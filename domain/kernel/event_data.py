"""Conversion of events to their stored data and back, compiled once for each event class."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel

from domain.kernel.errors import UnfitValue
from domain.kernel.types.annotations import Kind, allows_none, holds_kind, record_type
from domain.kernel.types.model_making import model_maker
from domain.kernel.types.record_encoders import RecordEncoder
from domain.kernel.types.stored_values import decoder, encoder

M = TypeVar("M", bound=BaseModel)


class EventCodec:
    """Writes and reads the stored data of one event class.

    Stored data is not validated again, because this is done for each event that is read.
    """

    def __init__(self, event: type[BaseModel]) -> None:
        record = record_type(event)
        self._event = event
        # Checked again after pydantic, because `model_copy(update=...)` and `model_construct` bypass it.
        self._encode = RecordEncoder(record, encoder, event.__name__)
        decoders = {name: decoder(field.type) for name, field in record.fields.items()}
        self._decoders = [(name, decode) for name, decode in decoders.items() if decode is not None]
        self._fields = record.fields
        self._required = frozenset(
            name for name, field in record.fields.items() if field.required and not allows_none(field.type)
        )
        self._make = model_maker(event)
        self._holds_datetimes = holds_kind(record, Kind.DATETIME)

    def write(self, event: BaseModel) -> dict[str, Any]:
        """Return the data to store. A field that is None is left out if None is its default.

        Raises UnfitValue, with class and field, for a value that cannot be stored.
        """
        return self._encode(event)

    def read(self, data: Mapping[str, Any]) -> Any:
        """Return the event of stored data. A missing field gets its default, or None if it allows that.

        Raises UnfitValue, with class and field, if the data does not fit.
        """
        if not self._required <= data.keys():
            missing = min(self._required - data.keys())
            raise UnfitValue("what is stored lacks the field", (missing,), self._event.__name__)
        values = dict(data)
        if not values.keys() <= self._fields.keys():
            values = {name: values[name] for name in self._fields if name in values}
        for name, decode in self._decoders:
            if (value := values.get(name)) is not None:
                try:
                    values[name] = decode(value)
                except UnfitValue as error:
                    raise error.at(name, owner=self._event.__name__) from None
        return self._make(values)

    def as_stored(self, event: M) -> M:
        """Return the event as it will be read: its datetimes in UTC, in milliseconds.

        Raises UnfitValue for a datetime that cannot be stored, and may do so for other values.
        """
        return self.read(self.write(event)) if self._holds_datetimes else event


@cache
def event_codec(event: type[BaseModel]) -> EventCodec:
    """Return the codec of a class. Raises DeclarationError if the type of a field cannot be stored."""
    return EventCodec(event)


def validate_data(model: type[M], data: Mapping[str, Any]) -> M:
    """Return a model of data in which Python values and stored ones may be mixed, as an upcaster returns it.

    Raises UnfitValue or pydantic's ValidationError if the data does not fit.
    """
    fields = record_type(model).fields
    nulls = {name: None for name, field in fields.items() if field.required and allows_none(field.type)}
    values = {**nulls, **data}
    for name in data.keys() & fields.keys():
        decode = decoder(fields[name].type, whole=False)
        if decode is not None:
            try:
                values[name] = decode(values[name])
            except UnfitValue as error:
                raise error.at(name, owner=model.__name__) from None
    return event_codec(model).as_stored(model.model_validate(values))
