"""Values without a JSON form of their own are written as texts, and read again as they were."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import pytest
from bson.decimal128 import Decimal128
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from api.encoding import encode as encode_response
from domain.kernel import text_forms
from domain.kernel.field_types import field_type
from domain.kernel.json_values import json_writer
from domain.kernel.stored_values import encoder
from eventstore.reading.diff import to_json
from tests.declared_types import DECIMALS, DURATIONS, SCALARS, Colour, DeclaredType, declared_types

IDENTITY = UUID("3f2b8c9e-4d1a-4c55-9a0e-7f1c2d3e4f50")


def stored(python: type, value: Any) -> Any:
    encode = encoder(field_type(python, "x"))
    assert encode is not None
    return encode(value)


@given(DECIMALS)
def test_decimals(value: Decimal) -> None:
    """The exponent is kept: 1.50 stays 1.50."""
    read = text_forms.read_decimal(text_forms.write_decimal(stored(Decimal, value)))
    assert read.as_tuple() == value.as_tuple()


@given(DURATIONS)
def test_durations(value: timedelta) -> None:
    assert text_forms.read_duration(text_forms.write_duration(stored(timedelta, value))) == value


@given(st.binary())
def test_bytes(value: bytes) -> None:
    assert text_forms.read_bytes(text_forms.write_bytes(value)) == value


@given(st.dates(), st.times().map(lambda each: each.replace(fold=0)), st.uuids())
def test_dates_times_and_uuids_are_stored_as_they_are_written(day: date, of_day: time, uuid: UUID) -> None:
    assert text_forms.read_date(stored(date, day)) == day
    assert text_forms.read_time(stored(time, of_day)) == of_day
    assert text_forms.read_uuid(stored(UUID, uuid)) == uuid


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (text_forms.read_integer, "-9223372036854775808", -(2**63)),
        (text_forms.read_integer, 9223372036854775807, 2**63 - 1),
        (text_forms.read_decimal, "1.50", Decimal("1.50")),
        (text_forms.read_decimal, "+.5e3", Decimal("5E+2")),
        (text_forms.read_decimal, 7, Decimal(7)),
        (text_forms.read_date, "2024-02-29", date(2024, 2, 29)),
        (text_forms.read_time, "23:59:59", time(23, 59, 59)),
        (text_forms.read_time, "00:00:00.1234567", time(0, 0, 0, 123_456)),
        (text_forms.read_uuid, str(IDENTITY).upper(), IDENTITY),
        (text_forms.read_bytes, "", b""),
        (text_forms.read_bytes, "/+8=", b"\xff\xef"),
        (text_forms.read_duration, "P1W", timedelta(7)),
        (text_forms.read_duration, "-P1DT2H3M4.5S", -timedelta(1, 7384, 500_000)),
        (text_forms.read_duration, "PT36H", timedelta(1.5)),
        (text_forms.read_duration, "PT0,25S", timedelta(microseconds=250_000)),
        (text_forms.read_duration, "PT0S", timedelta(0)),
    ],
)
def test_what_is_read(read: Callable[[Any], Any], text: Any, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "texts"),
    [
        (
            text_forms.read_integer,
            ["9223372036854775808", 2**63, "1.0", 1.0, True, "+1", "", " 1", "\u0661", None],
        ),
        (
            text_forms.read_decimal,
            ["NaN", "Infinity", "1,5", "0x1", "1_000", "1e7000", "1" * 35, 1.5, True, "", "."],
        ),
        (text_forms.read_date, ["2026-02-29", "20260131", "2026-W05-6", "0000-01-01", "2026-1-31", 20260131]),
        (text_forms.read_time, ["24:00:00", "12:00", "12:00:60", "12:00:00Z", "12:00:00,5", "120000", 12]),
        (text_forms.read_uuid, [IDENTITY.hex, f"{{{IDENTITY}}}", f"urn:uuid:{IDENTITY}", "", 7, None]),
        (text_forms.read_bytes, ["_-8=", "/+8", "a b=", "é", 7, None, b"aaaa"]),
        (
            text_forms.read_duration,
            ["P", "PT", "P1DT", "P1Y", "P1M", "1D", "PT1.5H", "P-1D", "P300000000D", 7, None],
        ),
    ],
)
def test_what_is_refused(read: Callable[[Any], Any], texts: list[Any]) -> None:
    for text in texts:
        with pytest.raises(ValueError, match=r"^expected "):
            read(text)


@given(st.data())
def test_every_stored_value_has_a_form_in_json(data: st.DataObject) -> None:
    """Generated types of the whole table: what is written is JSON, and the same for equal values."""
    declared: DeclaredType = data.draw(declared_types())
    value = data.draw(declared.values)
    of = field_type(declared.annotation, "x")
    encode, write = encoder(of), json_writer(of)
    assert encode is not None
    kept = encode(value)
    written = kept if write is None else write(kept)
    assert orjson.loads(orjson.dumps(written)) == written


@pytest.mark.parametrize("declared", SCALARS, ids=lambda each: str(each.annotation))
def test_values_of_states_and_of_events_have_one_form_in_json(declared: DeclaredType) -> None:
    """A state is written from Python values, an event from stored ones."""
    of = field_type(declared.annotation, "x")
    encode, write = encoder(of), json_writer(of)
    assert encode is not None

    @given(declared.values)
    def check(value: Any) -> None:
        kept = encode(value)
        assert to_json(value) == (kept if write is None else write(kept))

    check()


def test_records_of_every_kind_are_objects_in_the_json_of_states() -> None:
    class Model(BaseModel):
        colour: Colour

    class Pair(NamedTuple):
        left: Decimal

    assert to_json({Colour.RED: [Model(colour=Colour.GREEN), Pair(Decimal("1.50")), ("a", b"\xff")]}) == {
        "r": [{"colour": "g"}, {"left": "1.50"}, ["a", "/w=="]]
    }


def test_data_of_events_that_cannot_be_read_is_encoded() -> None:
    data = {"at": datetime(2026, 1, 31, tzinfo=UTC), "price": Decimal128("1.50"), "blob": b"\xff"}
    assert orjson.loads(encode_response({"data": data})) == {
        "data": {"at": "2026-01-31T00:00:00.000Z", "price": "1.50", "blob": "/w=="}
    }
