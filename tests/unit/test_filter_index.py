"""The index of filters finds the keys that a changed row may concern, and few others."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from projections.live.filter_index import FilterIndex
from projections.querying.filters import AllOf, AnyOf, FieldCondition, Filter, Not, to_predicate

VALUES = st.sampled_from(["a", "b", None])
CONDITIONS: st.SearchStrategy[Filter] = st.one_of(
    st.builds(
        FieldCondition, st.sampled_from(["id", "text", "owner"]), st.sampled_from(["eq", "ne"]), VALUES
    ),
    st.builds(
        FieldCondition, st.sampled_from(["text", "owner"]), st.just("in"), st.lists(VALUES, max_size=2)
    ),
    st.builds(FieldCondition, st.just("owner"), st.just("isNull"), st.booleans()),
    st.builds(FieldCondition, st.just("tags"), st.just("element"), st.sampled_from(["a", "b"])),
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=5,
)
ROWS = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b", "c"]), "_tenant": st.sampled_from(["one", "two"])},
    optional={"text": VALUES, "owner": VALUES, "tags": st.lists(st.sampled_from(["a", "b", "c"]))},
)


def row(**fields: Any) -> dict[str, Any]:
    return {"_tenant": "one", "id": "x", **fields}


@given(st.lists(st.tuples(FILTERS, st.lists(st.sampled_from(["a", "b", "c"])))), st.lists(ROWS), st.data())
def test_every_key_that_a_row_concerns_is_found(
    filters: list[tuple[Filter, list[str]]], rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    index: FilterIndex[int] = FilterIndex()
    for key, (condition, held) in enumerate(filters):
        index.add(key, "one", condition)
        for row_id in held:
            index.hold(key, "one", row_id)
    gone = data.draw(st.sets(st.sampled_from(range(len(filters))))) if filters else set()
    for key in gone:
        index.remove(key, "one")
    for changed in rows:
        concerned = set(index.concerned(changed))
        due = {
            key
            for key, (condition, held) in enumerate(filters)
            if changed["_tenant"] == "one"
            and (to_predicate(condition)(changed) or (changed["id"] in held and "id" not in str(condition)))
        }
        assert due - gone <= concerned <= set(range(len(filters))) - gone


def test_a_change_finds_one_of_ten_thousand_keys_for_as_many_rows() -> None:
    index: FilterIndex[int] = FilterIndex()
    for key in range(10_000):
        index.add(key, "one", AllOf((FieldCondition("owner", "eq", f"owner-{key}"),)))
        index.add(-key - 1, "one", FieldCondition("id", "eq", f"row-{key}"))
    assert set(index.concerned(row(id="row-77", owner="owner-99"))) == {99, -78}
    assert set(index.concerned(row(id="other"))) == set()


def test_a_key_is_indexed_by_its_most_selective_condition() -> None:
    index: FilterIndex[int] = FilterIndex()
    for key in range(100):
        parts = FieldCondition("text", "eq", "open"), FieldCondition("owner", "eq", f"owner-{key}")
        index.add(key, "one", AllOf(parts))
    assert len(set(index.concerned(row(text="open", owner="nobody")))) <= 1


def test_a_key_that_holds_a_row_is_found_until_it_lets_it_go() -> None:
    index: FilterIndex[int] = FilterIndex()
    index.add(1, "one", FieldCondition("owner", "eq", "a"))
    index.hold(1, "one", "x")
    assert set(index.concerned(row(owner="b"))) == {1}
    index.let_go(1, "one", "x")
    assert set(index.concerned(row(owner="b"))) == set()


def test_nothing_is_kept_of_a_removed_key() -> None:
    index: FilterIndex[int] = FilterIndex()
    index.add(
        1, "one", AnyOf((FieldCondition("owner", "in", ["a", "b"]), FieldCondition("text", "isNull", True)))
    )
    index.hold(1, "one", "x")
    index.remove(1, "one")
    assert not vars(index)["_tenants"]


def test_a_value_that_no_filter_can_require_is_ignored() -> None:
    index: FilterIndex[int] = FilterIndex()
    index.add(1, "one", FieldCondition("owner", "eq", "a"))
    assert set(index.concerned(row(owner={"a": 1}))) == set()
