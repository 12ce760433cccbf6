"""Moments are written in the same form, however a row that was read has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.encoding import write_stored_moment, write_stored_moments
from domain.kernel.rfc3339 import write_moment

EARLIEST, LATEST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)


@given(st.datetimes(EARLIEST, LATEST))
@example(datetime(2026, 1, 31, 12))
@example(datetime(1, 1, 1, microsecond=1))
def test_a_moment_without_a_time_zone_is_in_utc(moment: datetime) -> None:
    expected = write_moment(moment.replace(tzinfo=UTC))
    assert write_stored_moment(moment) == expected
    assert write_stored_moment(moment.replace(tzinfo=UTC)) == expected


@pytest.mark.parametrize("hours", [-8, 2])
def test_other_time_zones_are_converted(hours: int) -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, 250_000, timezone(timedelta(hours=hours)))
    assert write_stored_moment(moment) == write_moment(moment) != "2026-01-31T12:00:00.250Z"


def _in_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)


@given(
    st.lists(
        st.datetimes(EARLIEST, LATEST)
        | st.datetimes(EARLIEST, LATEST).map(_in_milliseconds)
        | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2))])),
        max_size=3,
    )
)
@example([datetime(2026, 1, 31, 12, 0, 0, 250_000), datetime(2026, 1, 31, 12, 0, 0, 100_000, UTC)])
@example([datetime(2026, 1, 31, 12, 0, 0, 250_000), datetime(2026, 1, 31, 12)])
@example([datetime(2026, 1, 31, 12, 0, 0, 250_001), datetime(2026, 1, 31, 12, 0, 0, 1_000)])
def test_moments_that_are_written_together_have_the_same_form(moments: list[datetime]) -> None:
    assert write_stored_moments(moments) == [write_stored_moment(moment) for moment in moments]
