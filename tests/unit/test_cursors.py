"""Cursors and orders: what is refused, and how."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from domain.kernel.errors import ValidationFailed
from projections.querying.ordering import OrderBy, parse_order
from tests.notes import view

ROW = {"id": "note-1", "text": "ä", "score": 3, "written_at": datetime(2024, 1, 1, 0, 0, 0, 1_000, UTC)}


def sealed(*content: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(list(content))).rstrip(b"=").decode()


def test_a_cursor_carries_the_sort_key_and_the_id() -> None:
    order = parse_order(view, [("written_at", "desc"), ("text", "asc")])
    assert order.sort() == [("written_at", -1), ("text", 1), ("id", 1)]
    assert order.behind(order.cursor(ROW), ("after",))["$or"][0] == {
        "written_at": {"$not": {"$gte": ROW["written_at"]}}
    }


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "ä",
        "a" * 5,
        sealed(),
        sealed("score asc,id asc"),
        sealed("score asc,id asc", [3]),
        sealed("score asc,id asc", [3, "note-1", 1]),
        sealed("score asc,id asc", ["3", "note-1"]),
        sealed("score asc,id asc", [{"$gt": 0}, "note-1"]),
        sealed("score asc,id asc", 7),
        sealed("score desc,id desc", [3, "note-1"]),
        sealed("text asc,id asc", ["3", "note-1"]),
    ],
)
def test_a_cursor_that_is_malformed_or_of_another_order_is_refused_at_its_argument(cursor: str) -> None:
    order = parse_order(view, [("score", "asc")])
    with pytest.raises(ValidationFailed) as refused:
        order.behind(cursor, ("after",))
    assert refused.value.path == ("after",)


def test_a_cursor_that_nothing_can_come_after_is_refused() -> None:
    """No row has such a place, so no cursor of ours says it."""
    with pytest.raises(ValidationFailed):
        parse_order(view, [("score", "desc")]).behind(sealed("score desc,id desc", [None, None]), ("after",))


@pytest.mark.parametrize("moment", [10**18, -(10**18), 1.5, True, "2024"])
def test_a_cursor_with_a_moment_out_of_range_is_refused(moment: Any) -> None:
    order = parse_order(view, [("written_at", "asc")])
    with pytest.raises(ValidationFailed):
        order.behind(sealed("written_at asc,id asc", [moment, "note-1"]), ("before",))


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ([("links", "asc")], ("orderBy", 0)),
        ([("score", "asc"), ("_tenant", "asc")], ("orderBy", 1)),
        ([("score", "asc"), ("score", "desc")], ("orderBy", 1)),
        ([("score", "asc")] * 5, ("orderBy",)),
    ],
)
def test_an_order_by_what_the_view_does_not_offer_is_refused(
    wanted: OrderBy, path: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        parse_order(view, wanted)
    assert refused.value.path == path
