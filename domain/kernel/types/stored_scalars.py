"""Conversion of single values to BSON and back.

Encoders raise UnfitValue for a value of another class, and for one that BSON cannot store. Decoders return a
value unchanged that has its Python form already, because an upcaster may return such values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from bson.decimal128 import Decimal128

from domain.kernel.errors import UnfitValue
from domain.kernel.fields import Json, check_json, to_moment
from domain.kernel.types.nodes import Kind, Scalar
from domain.kernel.types.refusals import class_name, wrong_choice, wrong_class, wrong_enum, wrong_member
from domain.kernel.types.value_structure import Convert

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
DECIMAL_DIGITS = 34
DECIMAL_EXPONENTS = range(-6176, 6112)
"""The digits and exponents that a Decimal128 stores exactly."""

MICROSECOND = timedelta(microseconds=1)


def encode_text(value: Any) -> str:
    """Return the text. It must be valid Unicode."""
    if type(value) is str and value.isascii():
        return value  # Nearly all texts.
    if isinstance(value, Enum):
        value = value.value
    if not isinstance(value, str):
        raise wrong_class(value, "a text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UnfitValue("half of a surrogate pair is no character; a text is Unicode") from None
    return value if type(value) is str else str.__str__(value)


def _encode_boolean(value: Any) -> bool:
    if value is True or value is False:
        return value
    raise wrong_class(value, "true or false")


def encode_integer(value: Any) -> int:
    """Return the integer. It must have 64 bits at most."""
    if type(value) is int and INT64_MIN <= value <= INT64_MAX:
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_class(value, "an integer")
    if INT64_MIN <= value <= INT64_MAX:
        return int(value)
    raise UnfitValue("an integer has 64 bits at most; use Decimal or a text for larger ones")


def _encode_int32(value: Any) -> int:
    if -(2**31) <= encode_integer(value) < 2**31:
        return int(value)
    raise UnfitValue("an Int32 has 32 bits; declare the field Int64 for larger integers")


def encode_number(value: Any) -> float:
    """Return the number as a float. It must be finite, and an integer must be exact as a float."""
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise UnfitValue("a number that is not finite (infinity, NaN) cannot be stored; use None for unknown")
    if isinstance(value, int) and not isinstance(value, bool) and int(number := _as_float(value)) == value:
        return number
    raise wrong_class(value, "a number")


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise UnfitValue("an integer of this size is no exact number; use Decimal") from None


def encode_decimal(value: Any) -> Decimal128:
    """Return the exact Decimal128, with the same exponent. The number must be finite."""
    if not isinstance(value, Decimal):
        raise wrong_class(value, "a Decimal")
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise UnfitValue("a decimal number that is not finite (infinity, NaN) cannot be stored")
    if len(digits) > DECIMAL_DIGITS or exponent not in DECIMAL_EXPONENTS:
        raise UnfitValue(
            f"a decimal number has {DECIMAL_DIGITS} digits at most, and an exponent from -6176 to 6111; "
            "round it with quantize()"
        )
    return Decimal128(value)


def encode_datetime(value: Any) -> datetime:
    """Return the moment in UTC; digits after the millisecond are cut off."""
    if not isinstance(value, datetime):
        raise wrong_class(value, "a datetime")
    if value.tzinfo is None:
        raise UnfitValue("a datetime without a time zone is no moment; give it one, as in datetime.now(UTC)")
    if value.tzinfo is UTC and not value.microsecond % 1000:
        return value
    try:
        return to_moment(value)
    except ValueError:
        raise UnfitValue("in UTC this datetime is before the year 1 or after the year 9999") from None


def _encode_date(value: Any) -> str:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise wrong_class(value, "a date")
    return value.isoformat()


def _encode_time(value: Any) -> str:
    if not isinstance(value, time):
        raise wrong_class(value, "a time")
    if value.tzinfo is not None:
        raise UnfitValue("a time of day has no time zone; use Moment for a moment")
    return value.isoformat(timespec="microseconds")


def _encode_duration(value: Any) -> int:
    if not isinstance(value, timedelta):
        raise wrong_class(value, "a timedelta")
    microseconds = value // MICROSECOND
    if INT64_MIN <= microseconds <= INT64_MAX:
        return microseconds
    raise UnfitValue("a duration has 64 bits of microseconds at most, which is about 292,000 years")


def _encode_uuid(value: Any) -> str:
    if not isinstance(value, UUID):
        raise wrong_class(value, "a UUID")
    return str(value)


def _encode_bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise wrong_class(value, "bytes")
    return value


def encode_json(value: Any) -> Any:
    """Return the value. It must be a JSON value that BSON can store."""
    if type(value) is str and value.isascii():
        return value
    try:
        return check_json(value)
    except UnicodeEncodeError:
        raise UnfitValue("half of a surrogate pair is no character; a text is Unicode") from None
    except ValueError as error:
        raise UnfitValue(str(error)) from None


_ENCODERS: Mapping[Kind, Convert] = {
    Kind.TEXT: encode_text,
    Kind.BOOLEAN: _encode_boolean,
    Kind.INTEGER: encode_integer,
    Kind.NUMBER: encode_number,
    Kind.DECIMAL: encode_decimal,
    Kind.DATETIME: encode_datetime,
    Kind.DATE: _encode_date,
    Kind.TIME: _encode_time,
    Kind.DURATION: _encode_duration,
    Kind.UUID: _encode_uuid,
    Kind.BYTES: _encode_bytes,
    Kind.JSON: encode_json,
}


def _reading(python: type, stored: type | tuple[type, ...], read: Convert) -> Convert:
    def decode(value: Any) -> Any:
        if isinstance(value, stored):
            try:
                return read(value)
            except (ValueError, OverflowError):
                raise UnfitValue(f"what is stored is no {python.__name__}") from None
        if isinstance(value, python):
            return value
        raise UnfitValue(f"what is stored is no {python.__name__}, but of class {class_name(value)}")

    return decode


_DECODERS: Mapping[Kind, Convert] = {
    Kind.DECIMAL: _reading(Decimal, Decimal128, Decimal128.to_decimal),
    Kind.DATE: _reading(date, str, date.fromisoformat),
    Kind.TIME: _reading(time, str, time.fromisoformat),
    Kind.DURATION: _reading(timedelta, int, lambda value: timedelta(microseconds=value)),
    Kind.UUID: _reading(UUID, str, UUID),
}


def scalar_encoder(scalar: Scalar, *, validated: bool) -> Convert | None:
    """Return the encoder of a scalar; None if pydantic has validated everything that has to be checked."""
    if scalar.choices is not None:
        if validated and not issubclass(scalar.python, Enum):
            return None
        return _choice_encoder(scalar)
    if validated and (scalar.kind in (Kind.TEXT, Kind.BOOLEAN, Kind.BYTES) or scalar.python is Json):
        return None
    return _encode_int32 if scalar.bits == 32 else _ENCODERS[scalar.kind]


def scalar_decoder(scalar: Scalar) -> Convert | None:
    """Return the decoder of a scalar; None if the stored form is the Python form."""
    if scalar.choices is not None and issubclass(scalar.python, Enum):
        members = {key: member for member in scalar.python for key in (member.value, member)}
        return _lookup(members, wrong_member(scalar.python))
    return _DECODERS.get(scalar.kind)


def _choice_encoder(scalar: Scalar) -> Convert:
    choices = scalar.choices or ()
    table: dict[Any, Any] = {choice: choice for choice in choices}
    if not issubclass(scalar.python, Enum):
        return _lookup(table, wrong_choice(choices))
    members = [member for member in scalar.python if member.value in choices]
    look_up = _lookup(table | {member: member.value for member in members}, wrong_enum(scalar.python))
    return look_up if len(members) < len(scalar.python) else _whole_enum_encoder(scalar.python, look_up)


def _whole_enum_encoder(python: type[Enum], look_up: Convert) -> Convert:
    """Return the encoder of an Enum of which every member is a choice, so that none is looked up."""

    def encode(value: Any) -> Any:
        return value._value_ if type(value) is python else look_up(value)

    return encode


def _lookup(table: Mapping[Any, Any], reason: str) -> Convert:
    def look_up(value: Any) -> Any:
        try:
            return table[value]
        except (KeyError, TypeError):
            raise UnfitValue(reason) from None

    return look_up
