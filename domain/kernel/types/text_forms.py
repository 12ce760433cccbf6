"""Texts for values without a JSON type, in JSON and GraphQL. Pure.

Every `write_…` takes the stored form of a value, as in docs/types.md, and every `read_…` returns the Python
value or raises ValueError with what was expected. Reading a written text returns the same value.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from bson.decimal128 import Decimal128

from domain.kernel.errors import UnfitValue
from domain.kernel.types.stored_scalars import INT64_MAX, INT64_MIN, encode_decimal

T = TypeVar("T")

_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,5})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"(?P<second>([01]\d|2[0-3]):[0-5]\d:[0-5]\d)(\.(?P<fraction>\d+))?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_DURATION = re.compile(
    r"(?P<sign>[+-])?P(?=\d|T\d)((?P<weeks>\d{1,9})W)?((?P<days>\d{1,9})D)?"
    r"(T(?=\d)((?P<hours>\d{1,12})H)?((?P<minutes>\d{1,14})M)?((?P<seconds>\d{1,15})([.,](?P<fraction>\d+))?S)?)?",
    re.ASCII,
)

EXPECTED_INTEGER = "an integer of 64 bits"
EXPECTED_DECIMAL = 'a decimal number with at most 34 digits, as a text such as "12.50"'
EXPECTED_DATE = "a date such as 2026-01-31"
EXPECTED_TIME = "a time of day such as 12:30:00 or 12:30:00.250"
EXPECTED_DURATION = (
    "an ISO 8601 duration in weeks, days, hours, minutes and seconds, such as P1DT2H or PT0.5S"
)
EXPECTED_UUID = "a UUID such as 3f2b8c9e-4d1a-4c55-9a0e-7f1c2d3e4f50"
EXPECTED_BYTES = "bytes as base64 with padding (RFC 4648)"


def read_integer(value: Any) -> int:
    """Return the integer of an integer or of a text of its digits."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and INT64_MIN <= value <= INT64_MAX:
        return value
    raise ValueError(f"expected {EXPECTED_INTEGER}")


def write_decimal(stored: Decimal128) -> str:
    """Return the exact digits and exponent."""
    return str(stored)


def read_decimal(value: Any) -> Decimal:
    """Return the number of a text or an integer. A float is refused, because it may be inexact."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        number = Decimal(value)
        try:
            encode_decimal(number)
        except UnfitValue:
            pass
        else:
            return number
    raise ValueError(f"expected {EXPECTED_DECIMAL}")


def read_date(value: Any) -> date:
    """Return a date in the years 0001 to 9999."""
    return _parsed(_DATE, value, lambda match: date.fromisoformat(match[0]), EXPECTED_DATE)


def read_time(value: Any) -> time:
    """Return a time of day; digits after the microsecond are cut off."""
    return _parsed(
        _TIME, value, lambda match: time.fromisoformat(f"{match['second']}.{_micro(match)}"), EXPECTED_TIME
    )


def read_uuid(value: Any) -> UUID:
    """Return the UUID of a text with hyphens."""
    return _parsed(_UUID, value, lambda match: UUID(match[0]), EXPECTED_UUID)


def write_duration(stored: int) -> str:
    """Return microseconds as an ISO 8601 duration; a day always has 24 hours."""
    seconds, fraction = divmod(abs(stored), 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    fine = f"{seconds}.{fraction:06}".rstrip("0") if fraction else str(seconds)
    parts = [("H", str(hours)), ("M", str(minutes)), ("S", fine)]
    of_day = "".join(f"{digits}{unit}" for unit, digits in parts if digits != "0")
    text = f"P{f'{days}D' if days else ''}{f'T{of_day}' if of_day else ''}"
    return f"{'-' if stored < 0 else ''}{'PT0S' if text == 'P' else text}"


def read_duration(value: Any) -> timedelta:
    """Return a duration; digits after the microsecond are cut off."""
    return _parsed(_DURATION, value, _duration, EXPECTED_DURATION)


def _duration(match: re.Match[str]) -> timedelta:
    names = ("weeks", "days", "hours", "minutes", "seconds")
    duration = timedelta(**{name: int(match[name] or 0) for name in names}, microseconds=int(_micro(match)))
    signed = -duration if match["sign"] == "-" else duration
    if not INT64_MIN <= signed // timedelta(microseconds=1) <= INT64_MAX:
        raise ValueError
    return signed


def write_bytes(stored: bytes) -> str:
    """Return the bytes as base64 with padding."""
    return b64encode(stored).decode()


def read_bytes(value: Any) -> bytes:
    """Return the bytes of base64 with padding, and no other characters."""
    try:
        return b64decode(value, validate=True) if isinstance(value, str) else _refuse()
    except (Base64Error, ValueError):
        raise ValueError(f"expected {EXPECTED_BYTES}") from None


def _refuse() -> bytes:
    raise ValueError


def _micro(match: re.Match[str]) -> str:
    return (match["fraction"] or "")[:6].ljust(6, "0")


def _parsed(form: re.Pattern[str], value: Any, read: Callable[[re.Match[str]], T], expected: str) -> T:
    match = form.fullmatch(value) if isinstance(value, str) else None
    try:
        if match is not None:
            return read(match)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"expected {expected}")
