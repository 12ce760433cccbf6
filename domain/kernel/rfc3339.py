"""Moments as RFC 3339 texts, read and written. Pure."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone

_FORM = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})[Tt ]"
    r"(?P<minute>(?:[01]\d|2[0-3]):\d{2}):(?P<second>\d{2})(?:\.(?P<fraction>\d+))?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<hours>[01]\d|2[0-3]):(?P<minutes>[0-5]\d))",
    re.ASCII,
)
_EXPECTED = "a date and time as in RFC 3339, with an offset, such as 2026-01-31T12:00:00Z"


def read_moment(text: object) -> datetime:
    """Return the moment of an RFC 3339 text, in UTC; digits after the millisecond are cut off.

    A space instead of the ``T`` is accepted, as section 5.6 suggests. A leap second, which neither Python nor
    MongoDB can represent, becomes the last millisecond of its minute: it stays on its day and after all
    earlier moments. Raises ValueError if the text is not RFC 3339, or not in the years 0001 to 9999.
    """
    parts = _FORM.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        raise ValueError(f"expected {_EXPECTED}")
    leap = parts["second"] == "60"
    fraction = "999" if leap else (parts["fraction"] or "")[:3].ljust(3, "0")
    try:
        local = datetime.fromisoformat(
            f"{parts['day']}T{parts['minute']}:{59 if leap else parts['second']}.{fraction}"
        )
        moment = local.replace(tzinfo=_offset(parts)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"there is no such moment in the years 0001 to 9999; expected {_EXPECTED}") from None
    if leap and not _may_have_leap_second(moment):
        raise ValueError("a leap second comes only at 23:59:60 UTC on the last day of a month")
    return moment


def write_moment(moment: datetime) -> str:
    """Return the RFC 3339 text of an aware datetime, in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _offset(parts: re.Match[str]) -> timezone:
    if parts["sign"] is None:
        return UTC
    offset = timedelta(hours=int(parts["hours"]), minutes=int(parts["minutes"]))
    return timezone(-offset if parts["sign"] == "-" else offset)


def _may_have_leap_second(moment: datetime) -> bool:
    last_day = monthrange(moment.year, moment.month)[1]
    return (moment.day, moment.hour, moment.minute) == (last_day, 23, 59)
