"""Values of fields that meet each other in properties of filters, orders and rules."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

from hypothesis import strategies as st


class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


class Grade(IntEnum):
    GOOD = 1
    BAD = -2


def decimals(*texts: str) -> st.SearchStrategy[Decimal]:
    """Return a strategy for these decimals. Equal ones may differ in their exponents."""
    return st.sampled_from([*map(Decimal, texts)])


SAMPLES: dict[str, st.SearchStrategy[Any]] = {
    "flag": st.booleans(),
    "colour": st.sampled_from(Colour),
    "grade": st.sampled_from(Grade),
    # Some that no binary number is.
    "price": decimals("0", "-0.0", "1", "1.0", "1.00", "0.1", "1E+3", "1000", "-1E-30", "9" * 34),
    "day": st.sampled_from([date(1, 1, 1), date(2024, 2, 29), date(9999, 12, 31)]),
    "of_day": st.sampled_from([time(0), time(0, 0, 0, 1), time(12, 30), time(23, 59, 59, 999_999)]),
    "lasts": st.sampled_from([timedelta(0), timedelta(microseconds=-1), timedelta(1), timedelta(10**8)]),
    "serial": st.sampled_from([UUID(int=0), UUID(int=10), UUID(int=2**127)]),
}
"""Strategies for the values of fields with these names."""
