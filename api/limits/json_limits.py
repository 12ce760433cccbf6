"""How many values the JSON of a request may have, checked before it is parsed.

A parser makes an object of each value, which cannot be interrupted: for a body of 1 MB it takes tens of
milliseconds. To count bytes takes a hundredth of that.
"""

from __future__ import annotations

from api.limits.input_limits import MAX_VARIABLE_VALUES
from domain.kernel.limit_errors import TooComplex

MAX_JSON_VALUES = MAX_VARIABLE_VALUES + 1_000
"""Members of all lists and objects: the values of variables, and the other members of a request."""

SMALL = 2 * MAX_JSON_VALUES
"""Bytes of a text that cannot have too many values: each but the first takes two."""


def check_json_size(text: bytes | bytearray) -> None:
    """Raise TooComplex for JSON that certainly has more than `MAX_JSON_VALUES` values, itself included.

    The text need not be JSON. What passes has at most twice as many values: each is behind a comma or an
    opening bracket.
    """
    if len(text) <= SMALL or not _may_have_too_many(text):
        return
    if b"\\" in text:
        # Quotes inside of strings are no longer there after this.
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # At most every other string is the name of a member.
    if text.count(b'"') > 4 * MAX_JSON_VALUES or _may_have_too_many(b"".join(text.split(b'"')[::2])):
        raise TooComplex(f"a request may have {MAX_VARIABLE_VALUES} values; send fewer at a time")


def _may_have_too_many(text: bytes | bytearray) -> bool:
    """Return whether the text, with its strings or without them, has so many commas or opening brackets."""
    return text.count(b",") > MAX_JSON_VALUES or text.count(b"[") + text.count(b"{") > MAX_JSON_VALUES
