"""The forms of BSON values in JSON: each leads back to the value, and the log can store it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from hypothesis import given
from hypothesis import strategies as st

from api.cdc.extended_json import FOREIGN_CODEC, MAX_DEPTH, to_json
from domain.kernel.fields import MAX_JSON_DEPTH, check_json
from tests.helpers.extended_json_reading import from_json

INT64 = 2**63
KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5) | st.sampled_from(
    ["$date", "$ref", "$id", "$bson", "$$", "$dbRef", "$numberLong"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.integers(2**31, INT64 - 1).map(Int64)
    | st.integers(-INT64, -(2**31) - 1).map(Int64)
    | st.floats(allow_nan=False)
    | st.just(float("nan"))
    | st.text(st.characters(codec="utf-8"), max_size=5)
    | st.binary(max_size=5)
    | st.builds(Binary, st.binary(min_size=16, max_size=16), st.sampled_from([4, 5, 128]))
    | st.binary(min_size=12, max_size=12).map(ObjectId)
    | st.integers(-(2**60), 2**60).map(DatetimeMS)
    | st.integers(0, 2**41).map(DatetimeMS)
    | st.decimals(allow_nan=False, places=3, min_value=-(10**9), max_value=10**9).map(Decimal128)
    | st.builds(Regex, st.sampled_from(["^a", "b$"]), st.sampled_from(["", "i", "im"]))
    | st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
    | st.sampled_from([MinKey(), MaxKey(), Code("f()"), Decimal128("NaN"), Decimal128("-Infinity")])
)
VALUES = st.recursive(
    SCALARS,
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(KEYS, values, max_size=3)
        | st.builds(DBRef, st.just("c"), values, st.none() | st.just("db"))
        | st.builds(lambda scope: Code("g()", scope), st.dictionaries(KEYS, values, max_size=2))
    ),
    max_leaves=8,
)


def decoded(document: dict[str, Any]) -> dict[str, Any]:
    return bson.decode(bson.encode(document), FOREIGN_CODEC)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_the_form_of_a_document_leads_back_to_it(document: dict[str, Any]) -> None:
    """Compared as BSON, in which every type and the order of the fields count."""
    document = decoded(document)
    form = to_json(document)
    assert bson.encode(from_json(form)) == bson.encode(document)
    check_json(form)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (Int64(5), 5),
        (1.0, 1.0),
        (float("nan"), {"$numberDouble": "NaN"}),
        (ObjectId("0" * 24), {"$oid": "0" * 24}),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), {"$date": "2026-01-31T12:00:00Z"}),
        (datetime(1901, 1, 1, tzinfo=UTC), {"$date": {"$numberLong": "-2177452800000"}}),
        (Decimal128("1.50"), {"$numberDecimal": "1.50"}),
        (b"x", {"$binary": {"base64": "eA==", "subType": "00"}}),
        (DBRef("customers", 7, "shop"), {"$dbRef": {"ref": "customers", "id": 7, "db": "shop"}}),
        ({"$price": 1}, {"$$price": 1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_has_the_form_that_the_page_states(value: Any, form: Any) -> None:
    written = to_json(value)
    assert (written, type(written)) == (form, type(form))


def test_what_is_nested_too_deep_for_the_log_is_kept_as_bson() -> None:
    """MongoDB nests 100 levels."""
    value: Any = 1
    for level in range(60):
        value = [{"n": value}] if level % 2 else {"n": value}
    document = decoded({"deep": value})
    form = to_json(document)
    check_json(form)
    assert from_json(form) == document
    assert MAX_DEPTH < MAX_JSON_DEPTH
