"""Cursors and orders: what is refused, and how."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from domain.kernel.errors import ValidationFailed
from projections.querying.filters import parse_filter
from projections.querying.ordering import OrderBy, RowOrder, parse_order
from tests.helpers.notes import view

ROW = {"id": "note-1", "text": "ä", "score": 3, "written_at": datetime(2024, 1, 1, 0, 0, 0, 1_000, UTC)}


def sealed(*content: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(list(content))).rstrip(b"=").decode()


def test_a_cursor_carries_the_sort_key_and_the_id() -> None:
    order = parse_order(view, [("written_at", "desc"), ("text", "asc")])
    assert order.sort() == [("written_at", -1), ("text", 1), ("id", 1)]
    assert order.beyond(order.cursor(ROW), ("after",))["$or"][0] == {
        "written_at": {"$not": {"$gte": ROW["written_at"]}}
    }


def mark(order: RowOrder) -> str:
    """What this list's cursors say of it."""
    cursor = order.cursor(ROW)
    said: str = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0]
    return said


BY_SCORE = parse_order(view, [("score", "asc")])
BY_SCORE_DOWN = parse_order(view, [("score", "desc")])


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "ä",
        "a" * 5,
        sealed(),
        sealed(mark(BY_SCORE)),
        sealed(mark(BY_SCORE), [3]),
        sealed(mark(BY_SCORE), [3, "note-1", 1]),
        sealed(mark(BY_SCORE), ["3", "note-1"]),
        sealed(mark(BY_SCORE), [{"$gt": 0}, "note-1"]),
        sealed(mark(BY_SCORE), 7),
        sealed([mark(BY_SCORE)], [3, "note-1"]),
        BY_SCORE_DOWN.cursor(ROW),
        parse_order(view, [("text", "asc")]).cursor(ROW),
        parse_order(view, []).cursor(ROW),
        parse_order(view, [("score", "asc")], filter=parse_filter(view, {"score": {"gt": 1}})).cursor(ROW),
        parse_order(view, [("score", "asc")], search="a").cursor(ROW),
        parse_order(replace(view, name="others"), [("score", "asc")]).cursor(ROW),
    ],
)
def test_a_cursor_that_is_malformed_or_of_another_list_is_refused_at_its_argument(cursor: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        BY_SCORE.beyond(cursor, ("after",))
    assert refused.value.path == ("after",)


MOMENT = datetime(2024, 1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (None, {}),
        (None, {"score": {}, "and": [{}]}),
        ({"score": {"gt": 1}, "text": {"eq": "a"}}, {"text": {"eq": "a"}, "score": {"gt": 1}}),
        ({"score": {"gt": 1}, "text": {"eq": "a"}}, {"and": [{"text": {"eq": "a"}}, {"score": {"gt": 1}}]}),
        ({"score": {"in": [1, 2]}}, {"score": {"in": [2, 1, 2]}}),
        ({"or": [{"score": {"eq": 1}}]}, {"score": {"eq": 1}}),
        (
            {"written_at": {"gt": MOMENT}},
            {"written_at": {"gt": MOMENT.astimezone(timezone(timedelta(hours=5)))}},
        ),
    ],
)
def test_a_filter_that_says_the_same_in_another_way_is_of_the_same_list(one: Any, other: Any) -> None:
    first, second = (parse_order(view, [], filter=parse_filter(view, data)) for data in (one, other))
    assert first.cursor(ROW) == second.cursor(ROW)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"score": {"gt": 1}}, {"score": {"gt": 2}}),
        ({"score": {"gt": 1}}, {"score": {"gte": 1}}),
        ({"score": {"gt": 1}}, {"links": {"gt": 1}}),
        ({"score": {"gt": 1}}, {"not": {"score": {"gt": 1}}}),
        (
            {"and": [{"score": {"eq": 1}}, {"links": {"eq": 1}}]},
            {"or": [{"score": {"eq": 1}}, {"links": {"eq": 1}}]},
        ),
        ({}, {"or": []}),
        ({"score": {"in": [1]}}, {"score": {"in": [1, None]}}),
    ],
)
def test_a_filter_that_says_something_else_is_of_another_list(one: Any, other: Any) -> None:
    first, second = (parse_order(view, [], filter=parse_filter(view, data)) for data in (one, other))
    assert first.cursor(ROW) != second.cursor(ROW)


def test_a_cursor_that_nothing_can_come_after_is_refused() -> None:
    """No row has such a place, so no cursor of ours says it."""
    with pytest.raises(ValidationFailed):
        BY_SCORE_DOWN.beyond(sealed(mark(BY_SCORE_DOWN), [None, None]), ("after",))


@pytest.mark.parametrize("moment", [10**18, -(10**18), 1.5, True, "2024"])
def test_a_cursor_with_a_moment_out_of_range_is_refused(moment: Any) -> None:
    order = parse_order(view, [("written_at", "asc")])
    with pytest.raises(ValidationFailed):
        order.beyond(sealed(mark(order), [moment, "note-1"]), ("before",))


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
