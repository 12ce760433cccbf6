"""Decimals in responses."""

from __future__ import annotations

from bson.decimal128 import Decimal128

from domain.kernel.types.text_forms import write_decimal

MAX_PLAIN = 40
"""Characters of a number up to which it is written without a power of ten: sums of money have fewer."""


def write_plain_decimal(stored: Decimal128) -> str:
    """Return the exact digits and exponent, without a power of ten where all digits can be written.

    Exports and schemas keep the shorter form of `write_decimal`, which is compared with older files.
    """
    text = write_decimal(stored)
    if "E-" not in text:
        return text
    plain = f"{stored.to_decimal():f}"
    return plain if len(plain) <= MAX_PLAIN else text
