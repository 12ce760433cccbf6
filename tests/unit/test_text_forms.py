"""Values without a JSON form of their own are written as texts, and read again as they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import orjson
import pytest
from bson.decimal128 import Decimal128
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from strawberry.utils.str_converters import to_camel_case

from api.encoding import encode as encode_response
from domain.kernel import Json
from domain.kernel.types import text_forms
from domain.kernel.types.annotations import field_type
from domain.kernel.types.json_values import json_writer
from domain.kernel.types.stored_values import encoder
from eventstore.history.state_json import state_json
from tests.helpers.declared_types import DECIMALS, DURATIONS, Colour, DeclaredType, declared_types

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


class _Model(BaseModel):
    of_colour: Colour


class _Pair(NamedTuple):
    on_left: Decimal


class _Typed(TypedDict):
    in_bytes: bytes
    in_time: NotRequired[timedelta]


@dataclass(frozen=True)
class _State:
    by_colour: dict[Colour, list[_Model]]
    in_pairs: tuple[_Pair, ...]
    as_typed: tuple[_Typed, int]
    any_json: Json
    all_of: frozenset[str]
    _own: int = 1


def test_records_of_every_kind_are_objects_in_the_json_of_states() -> None:
    state = _State(
        {Colour.RED: [_Model(of_colour=Colour.GREEN)]},
        (_Pair(Decimal("1.50")),),
        (_Typed(in_bytes=b"\xff"), 2),
        {"as_it_is": 1},
        frozenset({"b_b", "a_a"}),
    )
    assert state_json(state) == {
        "by_colour": {"r": [{"of_colour": "g"}]},
        "in_pairs": [{"on_left": "1.50"}],
        "as_typed": [{"in_bytes": "/w=="}, 2],
        "any_json": {"as_it_is": 1},
        "all_of": ["a_a", "b_b"],
    }
    assert state_json(state, to_camel_case) == {
        "byColour": {"r": [{"ofColour": "g"}]},
        "inPairs": [{"onLeft": "1.50"}],
        "asTyped": [{"inBytes": "/w=="}, 2],
        "anyJson": {"as_it_is": 1},
        "allOf": ["a_a", "b_b"],
    }


def test_data_of_events_that_cannot_be_read_is_encoded() -> None:
    data = {"at": datetime(2026, 1, 31, tzinfo=UTC), "price": Decimal128("1.50"), "blob": b"\xff"}
    assert orjson.loads(encode_response({"data": data})) == {
        "data": {"at": "2026-01-31T00:00:00.000Z", "price": "1.50", "blob": "/w=="}
    }
