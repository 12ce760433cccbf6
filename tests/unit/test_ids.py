"""Ids sort by the time of their creation, and none is generated twice."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.ids import UlidGenerator, new_id

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MILLISECOND = 1_000_000
IN_SPEC = 1_469_918_176_385
"""The time of the ULID 01ARYZ6S41… in its specification."""


def test_an_id_has_its_category_and_the_digits_of_a_ulid():
    assert re.fullmatch(r"task-[0-7][0-9A-HJKMNP-TV-Z]{25}", new_id("task"))


def test_the_time_is_written_as_the_specification_has_it():
    assert UlidGenerator(lambda: IN_SPEC * MILLISECOND)().startswith("01ARYZ6S41")


def test_ids_rise_within_a_millisecond_and_where_the_clock_goes_back():
    times = iter([5, 5, 5, 3, 6])
    generate = UlidGenerator(lambda: next(times) * MILLISECOND)
    ids = [generate() for _ in range(5)]
    assert ids == sorted(set(ids))


def test_threads_get_different_ids():
    generate = UlidGenerator(lambda: time.time_ns() // 10**9 * 10**9)
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(lambda _: generate(), range(2_000)))
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("low", [2**20 - 2, 2**40 - 2])
def test_ids_rise_where_the_last_digits_overflow(low: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.ids.os.urandom", lambda count: low.to_bytes(count))
    generate = UlidGenerator(lambda: IN_SPEC * MILLISECOND)
    ids = [generate() for _ in range(4)]
    values = [
        sum(DIGITS.index(digit) << 5 * place for place, digit in enumerate(reversed(ulid))) for ulid in ids
    ]
    assert values == [(IN_SPEC << 80) + low + place for place in range(4)]
