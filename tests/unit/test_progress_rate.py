"""The progress of a rebuild, from which the time that is left is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.rebuilding.progress_rate import ProgressRate, time_left


@given(
    rate=st.floats(0.1, 1e6),
    pauses=st.lists(st.floats(0.01, 60), min_size=1, max_size=20),
    begun=st.floats(0, 1e6),
)
def test_a_steady_rate_is_found_however_irregularly_it_is_looked_at(
    rate: float, pauses: list[float], begun: float
) -> None:
    progress, at = ProgressRate(0, begun), begun
    for pause in pauses:
        at += pause
        progress.update(rate * (at - begun), at)
    assert progress.rate == pytest.approx(rate, rel=1e-3)


def test_a_new_rate_takes_over_within_some_tens_of_seconds_and_one_look_does_not() -> None:
    progress = ProgressRate(0, 0)
    for second in range(1, 61):
        progress.update(second * 100, second)
    progress.update(6_000, 61)
    assert 80 < progress.rate < 100, "one second without progress"
    for second in range(62, 122):
        progress.update(6_000 + (second - 61) * 10, second)
    assert 10 < progress.rate < 11


def test_what_begins_again_has_no_rate_until_it_goes_on() -> None:
    progress = ProgressRate(0, 0)
    progress.update(1_000, 1)
    progress.update(50, 2)
    assert progress.rate == 0
    progress.update(80, 3)
    assert progress.rate == 30


def test_the_time_left_is_known_where_it_has_an_end() -> None:
    assert time_left(0, 0) == 0
    assert time_left(100, 20) == 5
    assert time_left(100, 0) is None
