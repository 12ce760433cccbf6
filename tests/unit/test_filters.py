"""What a filter may say, and what it is refused with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

import pytest

from domain.kernel.errors import DeclarationError, ValidationFailed
from projections.kernel import View, by_stream
from projections.kernel.field_kinds import kinds
from projections.querying.filters import parse_filter, to_predicate
from tests.helpers.notes import context, view

ROW = {"id": "note-1", "text": "Hello", "score": 3, "links": 0, "scored_at": None}


def holds(filter: dict[str, Any]) -> bool:
    return to_predicate(parse_filter(view, filter))(ROW)


@pytest.mark.parametrize(
    "filter",
    [
        {},
        {"id": {"eq": "note-1"}},
        {"score": {"gte": 3, "lt": 4}},
        {"text": {"startsWith": "He", "contains": "ell"}},
        {"text": {"in": ["Hello", None]}},
        {"scored_at": {"isNull": True}},
        {"scored_at": {"eq": None}},
        {"scored_at": {"ne": datetime(2024, 1, 1, tzinfo=UTC)}},
        {"or": [{"score": {"eq": 9}}, {"links": {"eq": 0}}]},
        {"and": []},
        {"not": {"text": {"eq": "hello"}}},
        {"score": {"gt": 2}, "or": [{"text": {"eq": "Hello"}}]},
    ],
)
def test_a_filter_holds_when_all_that_it_says_holds(filter: dict[str, Any]) -> None:
    assert holds(filter)
    assert not holds({"not": filter})


@pytest.mark.parametrize(
    "filter",
    [
        {"or": []},
        {"text": {"in": []}},
        {"text": {"contains": "hell"}},
        {"scored_at": {"lt": datetime(2030, 1, 1, tzinfo=UTC)}},
        {"score": {"gt": 2}, "text": {"eq": "else"}},
        {"or": [{"score": {"eq": 9}}, {"links": {"eq": 1}}]},
    ],
)
def test_a_filter_does_not_hold_when_one_part_does_not(filter: dict[str, Any]) -> None:
    assert not holds(filter)


@pytest.mark.parametrize(
    ("filter", "path"),
    [
        ({"folded": {"isNull": True}}, ("filter", "folded")),
        ({"_tenant": {"eq": "other"}}, ("filter", "_tenant")),
        ({"$where": {"eq": "1"}}, ("filter", "$where")),
        ({"text": {"$ne": "x"}}, ("filter", "text", "$ne")),
        ({"score": {"contains": "x"}}, ("filter", "score", "contains")),
        ({"score": {"eq": True}}, ("filter", "score", "eq")),
        ({"score": {"eq": 1.5}}, ("filter", "score", "eq")),
        ({"score": {"eq": 2**63}}, ("filter", "score", "eq")),
        ({"text": {"eq": {"$gt": ""}}}, ("filter", "text", "eq")),
        ({"text": {"eq": "\ud800"}}, ("filter", "text", "eq")),
        ({"text": {"contains": "a\0b"}}, ("filter", "text", "contains")),
        ({"text": {"startsWith": "a" * 1_001}}, ("filter", "text", "startsWith")),
        ({"text": {"in": "abc"}}, ("filter", "text", "in")),
        ({"text": {"in": ["a", 1]}}, ("filter", "text", "in", 1)),
        ({"text": {"in": ["a"] * 1_001}}, ("filter", "text", "in")),
        ({"text": {"isNull": 1}}, ("filter", "text", "isNull")),
        ({"scored_at": {"eq": datetime(2024, 1, 1)}}, ("filter", "scored_at", "eq")),
        ({"or": {"text": {"eq": "a"}}}, ("filter", "or")),
        ({"or": [{"text": {"eq": "a"}}, {"x": {}}]}, ("filter", "or", 1, "x")),
        ({"not": [1]}, ("filter", "not")),
        ({"and": [{"links": {"eq": 1}}] * 200}, ("filter",)),
    ],
)
def test_a_wrong_filter_is_refused_with_the_path_to_the_fault(
    filter: dict[str, Any], path: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        parse_filter(view, filter)
    assert refused.value.path == path


def test_a_filter_may_not_be_nested_without_end() -> None:
    nested: dict[str, Any] = {}
    for _ in range(5_000):
        nested = {"not": nested}
    with pytest.raises(ValidationFailed, match="levels deep"):
        parse_filter(view, nested)


def test_a_view_cannot_filter_by_what_has_no_order_or_equality() -> None:
    class Row(TypedDict):
        id: str
        parts: NotRequired[list[dict[str, str]]]

    wrong = View(
        name="rows",
        singular="row",
        context=context,
        row=Row,
        key=by_stream,
        apply=lambda _id, row, _event: row,
        filters=("parts",),
    )
    with pytest.raises(DeclarationError, match="'parts'"):
        kinds(wrong)
