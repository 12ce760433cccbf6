"""Decimals in responses."""

from __future__ import annotations

from decimal import Decimal

import pytest
from bson.decimal128 import Decimal128
from hypothesis import given

from api.decimal_text import write_plain_decimal
from api.encoding import encode
from domain.kernel.types.text_forms import read_decimal
from tests.helpers.declared_types import DECIMALS


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0E-12", "0.000000000000"),
        ("-2.50E-8", "-0.0000000250"),
        ("1.50", "1.50"),
        ("1E+3", "1E+3"),
        ("1E-6000", "1E-6000"),
    ],
)
def test_small_decimals_have_no_power_of_ten(value: str, text: str) -> None:
    assert write_plain_decimal(Decimal128(value)) == text
    assert encode({"cost": Decimal128(value)}) == f'{{"cost":"{text}"}}'.encode()


@given(DECIMALS)
def test_the_exponent_is_kept(value: Decimal) -> None:
    assert read_decimal(write_plain_decimal(Decimal128(value))).as_tuple() == value.as_tuple()
