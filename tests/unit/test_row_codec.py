"""Rows of every declared type: folds see Python values, MongoDB stores their one stored form."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

import bson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kernel import Json
from domain.kernel.types.stored_values import decoder, encoder
from eventstore.mongo.driver import CODEC
from projections.folding.row_codec import RowCodec, WrongRow
from tests.helpers.declared_types import declared_types

MANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def codec_of(annotation: Any) -> RowCodec:
    make: Any = TypedDict
    return RowCodec(make("Row", {"id": str, "value": annotation}))


def through_mongo(stored: Any) -> dict[str, Any]:
    return bson.decode(bson.encode(stored), CODEC)


@MANY
@given(st.data())
def test_a8_a_row_of_any_declared_type_is_stored_and_read_as_declared(data: st.DataObject) -> None:
    declared = data.draw(declared_types())
    value = data.draw(declared.values)
    codec = codec_of(declared.annotation)
    row = codec.take("1", None, {"id": "1", "value": value})
    stored = codec.write(row)
    record: Any = codec.record
    encode = encoder(record.fields["value"].type)
    assert encode is not None
    assert through_mongo(stored) == through_mongo({"id": "1", "value": encode(value)})
    found = codec.read(through_mongo(stored))
    assert (row["value"], found["value"]) == (value, value)
    for held in (row, found):
        assert codec.take("1", held, codec.copy(held)) is held, "nothing has changed"
        assert codec.take("1", held, {"id": "1", "value": copy.deepcopy(value)}) is held


@MANY
@given(st.data())
def test_a_value_of_another_type_is_refused_or_stored_as_declared(data: st.DataObject) -> None:
    declared, other = data.draw(declared_types()), data.draw(declared_types())
    codec = codec_of(declared.annotation)
    try:
        row = codec.take("1", None, {"id": "1", "value": data.draw(other.values)})
    except WrongRow:
        return
    stored = through_mongo(codec.write(row))
    decode = decoder(codec.record.fields["value"].type)
    found = stored["value"] if decode is None else decode(stored["value"])
    assert found == row["value"] == codec.read(stored)["value"]


class Size(StrEnum):
    """How large something is."""

    S = "S"
    L = "L"


class Line(TypedDict):
    """A line of an order."""

    item: str
    price: Decimal


@dataclass
class Address:
    """An address that can be changed, as one that is not frozen."""

    city: str
    lines: list[str] = field(default_factory=list)


class OrderRow(TypedDict):
    """A row with everything that can be changed in place."""

    id: str
    size: Size
    total: Decimal
    lines: list[Line]
    tags: set[str]
    counts: dict[str, int]
    prices: dict[Size, Decimal]
    more: Json
    address: Address
    note: NotRequired[str]


ORDERS = RowCodec(OrderRow)
ORDER: Any = {
    "id": "1",
    "size": Size.S,
    "total": Decimal("1.50"),
    "lines": [{"item": "pen", "price": Decimal("1.50")}],
    "tags": {"a"},
    "counts": {"a": 1},
    "prices": {Size.S: Decimal(1)},
    "more": {"a": [1]},
    "address": Address("Oslo", ["1"]),
}


def held(*, loaded: bool) -> Any:
    row = ORDERS.take("1", None, copy.deepcopy(ORDER))
    return ORDERS.read(through_mongo(ORDERS.write(row))) if loaded else row


@pytest.mark.parametrize("loaded", [False, True], ids=["folded", "loaded"])
@pytest.mark.parametrize(
    "change",
    [
        lambda row: row["lines"].append({"item": "ink", "price": Decimal(1)}),
        lambda row: row["lines"][0].update(item="ink"),
        lambda row: row["lines"].sort(key=str),
        lambda row: row["tags"].add("b"),
        lambda row: row["counts"].__setitem__("a", 2),
        lambda row: row["prices"].pop(Size.S),
        lambda row: row["more"]["a"].append(2),
        lambda row: row["more"].clear(),
    ],
)
def test_lists_dicts_and_sets_in_a_row_refuse_to_be_changed(change: Any, loaded: bool) -> None:
    row = held(loaded=loaded)
    with pytest.raises(TypeError, match="read-only inside; return a row with a new value"):
        change(ORDERS.copy(row))
    assert row == ORDER


@pytest.mark.parametrize("loaded", [False, True], ids=["folded", "loaded"])
def test_what_has_no_read_only_form_is_a_copy_of_its_own(loaded: bool) -> None:
    row = held(loaded=loaded)
    copied = ORDERS.copy(row)
    copied["address"].city = "Rome"
    copied["address"].lines.append("2")
    assert row == ORDER
    changed = ORDERS.take("1", row, copied)
    assert changed["address"] == Address("Rome", ["1", "2"])
    assert changed is not row


@pytest.mark.parametrize("loaded", [False, True], ids=["folded", "loaded"])
def test_values_made_of_read_only_ones_are_plain_and_fit(loaded: bool) -> None:
    row = ORDERS.copy(held(loaded=loaded))
    after = ORDERS.take(
        "1",
        held(loaded=loaded),
        {
            **row,
            "lines": [*row["lines"], {"item": "ink", "price": Decimal(2)}],
            "tags": row["tags"] | {"b"},
            "counts": {**row["counts"], "b": 2},
            "prices": row["prices"] | {Size.L: Decimal(3)},
            "more": {**row["more"], "b": row["more"]["a"] + [2]},
        },
    )
    assert copy.deepcopy(after["lines"]) == [*ORDER["lines"], {"item": "ink", "price": Decimal(2)}]
    assert (after["tags"], after["counts"]) == ({"a", "b"}, {"a": 1, "b": 2})
    assert (after["prices"], after["more"]) == ({Size.S: 1, Size.L: 3}, {"a": [1], "b": [1, 2]})
    assert ORDERS.read(through_mongo(ORDERS.write(after))) == after


def test_a_decimal_of_other_digits_is_another_value() -> None:
    row = held(loaded=True)
    after = ORDERS.take("1", row, {**row, "total": Decimal("1.5")})
    assert str(after["total"]) == "1.5"


def test_an_optional_field_may_come_and_go() -> None:
    row = held(loaded=True)
    noted = ORDERS.take("1", row, {**row, "note": "x"})
    assert noted["note"] == "x"
    assert ORDERS.take("1", noted, dict(noted)) is noted
    assert "note" not in ORDERS.take("1", noted, row)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lines": [{"item": "pen"}]}, r"lines\[0\]\.price: the field is missing"),
        ({"lines": [{**ORDER["lines"][0], "secret": 1}]}, r"lines\[0\]\[…\]: Line has no such field"),
        ({"counts": {"secret": "x"}}, r"counts\[…\]: expected an integer"),
        ({"total": Decimal("NaN")}, "total: a decimal number that is not finite"),
        ({"total": 1.5}, "total: expected a Decimal"),
        ({"size": "XL"}, "size: expected a value of Size"),
        ({"tags": ["a"]}, "tags: expected a set"),
        ({"more": {"a": float("inf")}}, "more: must not have a number that is not finite"),
        ({"more": {"a": {1}}}, "more: expected a JSON value, not a value of class set"),
        ({"more": {1: "secret"}}, "more: expected a JSON value, not a value of class dict"),
        ({"address": {"city": "Oslo"}}, "address: expected a Address"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place_and_without_its_value(values: Any, said: str) -> None:
    row = held(loaded=True)
    with pytest.raises(WrongRow, match=f"^a row that does not fit: {said}") as wrong:
        ORDERS.take("1", row, {**row, **values})
    assert "secret" not in str(wrong.value)
