"""DateTime is RFC 3339, in and out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.fields import to_moment
from domain.kernel.rfc3339 import read_moment, write_moment

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
YEAR_END = datetime(2016, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2016-12-31T23:59:60Z", YEAR_END),
        ("2016-12-31T23:59:60.5Z", YEAR_END),
        ("1990-12-31T15:59:60-08:00", datetime(1990, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        ("2026-01-31t12:00:00z", NOON),
        ("2026-01-31 12:00:00Z", NOON),
        ("2026-01-31T12:00:00-00:00", NOON),
        ("2026-02-01T11:59:00+23:59", NOON),
        ("2026-01-31T12:00:00.0009Z", NOON),
        ("2026-01-31T12:00:00.12Z", NOON + timedelta(milliseconds=120)),
        ("2026-01-31T12:00:00.1234567891234Z", NOON + timedelta(milliseconds=123)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999Z", datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_c11_what_rfc_3339_has_is_read(text: str, moment: datetime) -> None:
    assert read_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31X12:00:00Z",
        "2026-01-31_12:00:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00Z",
        "2026-01-31T12Z",
        "2026-01-31",
        "20260131T120000Z",
        "2026-W05-6T12:00:00Z",
        "2026-01-31T12:00:00,5Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00+01",
        "2026-01-31T12:00:00+0100",
        "2026-01-31T12:00:00+01:00:30",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+01:60",
        "2026-01-31T12:00:00\u221201:00",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-30T23:59:60Z",
        "2016-12-31T23:59:61Z",
        "2026-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:00-00:01",
        "+2026-01-31T12:00:00Z",
        "\uff12\uff10\uff12\uff16-01-31T12:00:00Z",
        " 2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z\n",
        "now",
        "",
        1769860800,
        None,
    ],
)
def test_c11_what_rfc_3339_has_not_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"expected a date and time|a leap second"):
        read_moment(text)


@given(
    st.datetimes(
        min_value=datetime(1, 1, 2),
        max_value=datetime(9999, 12, 30),
        timezones=st.builds(
            timezone, st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59))
        ),
    )
)
def test_what_is_written_is_read_again(moment: datetime) -> None:
    """To the millisecond, which is what the log stores."""
    assert read_moment(write_moment(moment)) == to_moment(moment)
