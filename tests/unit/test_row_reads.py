"""Whether a changed row may change what a query has read: never missed, and seldom claimed without need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import copy_context
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from projections.querying.filters import AllOf, FieldCondition, Filter, parse_filter, to_predicate
from projections.querying.ordering import OrderBy, RowOrder, parse_order
from projections.querying.pages import ListQuery
from projections.querying.row_reads import (
    ListRead,
    QueryReads,
    RowMark,
    record_all,
    record_list,
    record_rows,
)
from projections.storage.rows import Row
from tests.helpers.memos import view

MARKS = {"memos": RowMark(1, 0, 0, 1, 0)}


def row(id: str, score: int | None = 0, author: str = "ada", *, gone: bool = False) -> dict[str, Any]:
    return {"id": id, "score": score, "author": author, "text": id, "_gone": gone}


def reads_of(read: ListRead | None) -> QueryReads:
    """Return what a query has read that reads one list."""
    reads, context = QueryReads(MARKS), copy_context()
    reads.record_in(context)
    context.run(record_list, "memos", read)
    return reads


class ListModel:
    """The rows of a list in memory, and its pages as MongoDB reads them."""

    def __init__(self, rows: Mapping[str, Row], query: ListQuery) -> None:
        self._rows = rows
        self._query = query
        self._filter: Filter = parse_filter(view, query.filter)
        self.order: RowOrder = parse_order(view, query.order, filter=self._filter)

    def read(self) -> tuple[Sequence[Row], ListRead]:
        """Return the rows of the page and one beyond it, in the direction of the page, and the record."""
        query, window = self._query, self.order.window(self._query.after, self._query.before)
        matches = to_predicate(self._filter)
        listed = [
            each
            for each in self._rows.values()
            if not each["_gone"] and matches(each) and window.contains(each)
        ]
        listed.sort(key=self.order.key, reverse=query.backward)
        rows = listed[: query.size + 1]
        read = query.describe_read(rows, self._filter, self.order)
        assert read is not None
        return rows, read


IDS = st.integers(0, 8).map(lambda number: f"memo-{number}")
ROWS = st.builds(
    row,
    IDS,
    st.none() | st.integers(0, 3),
    st.sampled_from(("ada", "ben")),
    gone=st.sampled_from((False, False, False, True)),
)
FILTERS = st.sampled_from(
    (None, {"author": {"eq": "ada"}}, {"score": {"gte": 1}}, {"not": {"score": {"isNull": True}}})
)
ORDERS: st.SearchStrategy[OrderBy] = st.sampled_from(
    ((), (("score", "asc"),), (("score", "desc"),), (("text", "desc"), ("score", "asc")))
)


@given(
    st.data(),
    st.lists(ROWS, min_size=5, max_size=9, unique_by=lambda each: each["id"]),
    st.lists(ROWS, min_size=9, max_size=9, unique_by=lambda each: each["id"]),
    FILTERS,
    ORDERS,
    st.integers(0, 2),
    st.booleans(),
)
def test_no_change_that_changes_a_page_is_missed(
    data: st.DataObject,
    stored: list[Row],
    changes: list[Row],
    filter: Mapping[str, Any] | None,
    order: OrderBy,
    size: int,
    backward: bool,
) -> None:
    """Nor one that changes whether there are rows beyond the page."""
    rows = {each["id"]: each for each in stored}
    plain = ListModel(rows, ListQuery(size, filter, order))
    cursor = data.draw(st.none() | st.sampled_from(stored).map(plain.order.cursor))
    after_cursor, before_cursor = (None, cursor) if backward else (cursor, None)
    query = ListQuery(size, filter, order, after_cursor, before_cursor, backward)
    before, read = ListModel(rows, query).read()
    reads = reads_of(read)
    for change in changes:
        after, _ = ListModel({**rows, change["id"]: change}, query).read()
        assert before == after or reads.may_change("memos", change)


def test_a_row_outside_a_page_does_not_concern_it() -> None:
    """Neither as it is beyond the page nor as it does not match."""
    rows = {each["id"]: each for each in (row(f"memo-{number}", score=number) for number in range(6))}
    query = ListQuery(2, {"author": {"eq": "ada"}}, (("score", "asc"),))
    _, read = ListModel(rows, query).read()
    assert list(read.ids) == ["memo-0", "memo-1", "memo-2"]
    reads = reads_of(read)
    assert not reads.may_change("memos", row("memo-9", score=5))
    assert not reads.may_change("memos", row("memo-9", score=1, author="ben"))
    assert not reads.may_change("memos", row("memo-9", score=1, gone=True))
    assert reads.may_change("memos", row("memo-9", score=1))
    assert reads.may_change("memos", row("memo-1", score=5, author="ben"))


def test_a_value_that_cannot_be_compared_counts_as_a_change() -> None:
    """A view may have folded one that is not of the field's type."""
    order = parse_order(view, (("score", "asc"),))
    read = ListRead((), AllOf(()), order, low=None, high=order.key(row("memo-1", score=3)))
    for value in ("a text", float("nan")):
        assert reads_of(read).may_change("memos", {**row("memo-9"), "score": value})
    text = ListRead((), FieldCondition("author", "startsWith", "a"))
    assert reads_of(text).may_change("memos", {**row("memo-9"), "author": 1})


def test_reads_are_recorded_in_their_own_context_alone() -> None:
    """A view of which nothing was recorded counts as one of which all was read."""
    reads, context = QueryReads(MARKS), copy_context()
    reads.record_in(context)
    context.run(record_rows, "memos", ["memo-1"])
    record_rows("memos", ["memo-2"])
    record_all("memos")
    assert reads.may_change("memos", row("memo-1"))
    assert not reads.may_change("memos", row("memo-2"))
    assert reads.may_change("books", row("book-1"))
    context.run(record_all, "memos")
    assert reads.may_change("memos", row("memo-2"))


def test_a_long_filter_is_not_compared_with_each_changed_row() -> None:
    """Any change counts then; neither one long list of values nor many lists may block the event loop."""
    other = row("memo-9", author="ben")
    for lists, values in ((1, 100), (10, 10)):
        assert not _reads_of_lists(lists, values).may_change("memos", other)
    for lists, values in ((1, 1_000), (190, 10)):
        assert _reads_of_lists(lists, values).may_change("memos", other)


def test_the_record_of_a_list_weighs_what_its_filter_takes() -> None:
    long = ListRead((), FieldCondition("author", "eq", "a" * 100_000))
    assert reads_of(long).weight > 100_000
    assert _reads_of_lists(1, 100).weight > _reads_of_lists(1, 1).weight + 99 * 50


def _reads_of_lists(lists: int, values: int) -> QueryReads:
    """Return what a query has read that reads so many lists, each with so many values in its filter."""
    reads, context = QueryReads(MARKS), copy_context()
    reads.record_in(context)
    for number in range(lists):
        authors = [f"author-{number}-{value}" for value in range(values)]
        context.run(record_list, "memos", ListRead((), FieldCondition("author", "in", authors)))
    return reads
