"""Rows sort alike by every kind of field in MongoDB and in memory, and cursors divide the list exactly."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.collection import Collection

from domain.kernel import Int64
from domain.kernel.errors import DeclarationError
from domain.kernel.types.stored_values import encoder
from eventstore.mongo.driver import CODEC
from projections.kernel import View, by_stream
from projections.kernel.field_kinds import kinds
from projections.querying.ordering import Direction, parse_order
from tests.helpers.field_samples import SAMPLES, Colour, Grade
from tests.helpers.notes import context


class Row(TypedDict):
    id: str
    text: str | None
    flag: bool | None
    wide: Int64 | None
    real: float | None
    price: Decimal | None
    moment: datetime | None
    day: date | None
    of_day: time | None
    lasts: timedelta | None
    serial: UUID | None
    colour: Colour | None
    grade: Grade | None


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": st.sampled_from(["", "a", "B", "ä", "😀", "\ufffd"]),
    "wide": st.sampled_from([0, 1, 2**53, 2**53 + 1, -(2**63), 2**63 - 1]),
    "real": st.sampled_from([-1.5, -0.0, 0.0, 1.0, 2.0**53, 1e300, 5e-324]),
    "moment": st.sampled_from([datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)]),
    **SAMPLES,
}

view = View(
    name="rows",
    singular="row",
    context=context,
    row=Row,
    key=by_stream,
    apply=lambda _id, row, _event: row,
    orders=tuple(VALUES),
)
rows = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}), max_size=8
)
orders = st.lists(
    st.tuples(st.sampled_from(sorted(VALUES)), st.sampled_from(["asc", "desc"])),
    min_size=1,
    max_size=2,
    unique_by=lambda each: each[0],
)


@pytest.fixture
def stored(mongo_client: MongoClient[dict[str, Any]], database: str) -> Collection[dict[str, Any]]:
    return mongo_client[database].get_collection("rows", CODEC)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=rows, by=orders)
def test_orders_and_cursors_agree_in_mongodb_and_in_memory(
    stored: Collection[dict[str, Any]], made: list[dict[str, Any]], by: list[tuple[str, Direction]]
) -> None:
    """Sorted by any fields: the same list, and each cursor leaves what follows it, and what precedes it."""
    encode: Any = encoder(view.record)
    stored.delete_many({})
    documents = [{"_id": place, **encode({"id": f"row-{place}", **row})} for place, row in enumerate(made)]
    if documents:
        stored.insert_many(documents)
    order = parse_order(view, by)
    sorted_rows = list(stored.find().sort(order.sort()))
    assert [row["id"] for row in sorted(sorted_rows, key=order.key)] == [row["id"] for row in sorted_rows]
    ids = [row["id"] for row in sorted_rows]
    for place, row in enumerate(sorted_rows):
        cursor = order.cursor(row)
        for backward, expected in ((False, ids[place + 1 :]), (True, ids[:place])):
            found = stored.find(order.beyond(cursor, ("after",), backward=backward)).sort(order.sort())
            assert [each["id"] for each in found] == expected
        within = [each["id"] for each in sorted_rows if order.window(cursor, None).contains(each)]
        assert within == ids[place + 1 :]


@pytest.mark.parametrize("annotation", [bytes, list[str], frozenset[int]])
def test_what_has_no_order_is_refused_when_it_is_declared(annotation: Any) -> None:
    class Odd(TypedDict):
        id: str
        odd: Any

    Odd.__annotations__["odd"] = annotation
    wrong = View(
        name="odds",
        singular="odd",
        context=context,
        row=Odd,
        key=by_stream,
        apply=lambda _id, row, _event: row,
        orders=("odd",),
    )
    with pytest.raises(DeclarationError, match=r"cannot order by 'odd': Odd\.odd is"):
        kinds(wrong)
