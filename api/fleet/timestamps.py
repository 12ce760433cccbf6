"""Reads the times of process logs. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from domain.kernel.fields import to_moment

_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})[T ]+"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"\s*(?P<offset>Z|UTC|GMT|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
"""Times that begin with the year. Other orders are not read: the day and the month cannot be told apart."""


def read_time(text: str) -> datetime:
    """Return the time of a text, with microseconds; without an offset it is UTC.

    Raises ValueError if it is not ISO 8601 or a similar form that begins with the year, or if it is not in
    the years 0001 to 9999 in UTC.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = datetime.fromisoformat(_to_iso(text))
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    to_moment(time)
    return time.astimezone(UTC)


def _to_iso(text: str) -> str:
    parts = _YEAR_FIRST.fullmatch(text)
    if parts is None:
        raise ValueError("not a date and time")
    date = f"{parts['year']}-{parts['month']:0>2}-{parts['day']:0>2}"
    fraction = f".{parts['fraction']}" if parts["fraction"] else ""
    offset = (parts["offset"] or "").replace("UTC", "Z").replace("GMT", "Z")
    return f"{date}T{parts['hour']:0>2}:{parts['minute']}:{parts['second'] or '00'}{fraction}{offset}"
