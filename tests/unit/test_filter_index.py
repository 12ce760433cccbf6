"""A changed row is looked at by those whom it may concern, and hardly by others."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from projections.live.filter_index import FilterIndex
from projections.querying.filters import AllOf, AnyOf, Condition, Filter, Not, to_predicate

VALUES = st.sampled_from(["a", "b", None])
CONDITIONS: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Condition, st.sampled_from(["id", "text", "owner"]), st.sampled_from(["eq", "ne"]), VALUES),
    st.builds(Condition, st.sampled_from(["text", "owner"]), st.just("in"), st.lists(VALUES, max_size=2)),
    st.builds(Condition, st.just("owner"), st.just("isNull"), st.booleans()),
    st.builds(Condition, st.just("tags"), st.just("element"), st.sampled_from(["a", "b"])),
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
def test_whoever_a_row_concerns_is_found(
    groups: list[tuple[Filter, list[str]]], rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    index: FilterIndex[int] = FilterIndex()
    for group, (wanted, held) in enumerate(groups):
        index.add(group, "one", wanted)
        for key in held:
            index.hold(group, "one", key)
    gone = data.draw(st.sets(st.sampled_from(range(len(groups))))) if groups else set()
    for group in gone:
        index.remove(group, "one")
    for changed in rows:
        concerned = set(index.concerned(changed))
        due = {
            group
            for group, (wanted, held) in enumerate(groups)
            if changed["_tenant"] == "one"
            and (to_predicate(wanted)(changed) or (changed["id"] in held and "id" not in str(wanted)))
        }
        assert due - gone <= concerned <= set(range(len(groups))) - gone


def test_a_change_touches_one_of_ten_thousand_groups_of_as_many_entities() -> None:
    index: FilterIndex[int] = FilterIndex()
    for group in range(10_000):
        index.add(group, "one", AllOf((Condition("owner", "eq", f"owner-{group}"),)))
        index.add(-group - 1, "one", Condition("id", "eq", f"row-{group}"))
    assert set(index.concerned(row(id="row-77", owner="owner-99"))) == {99, -78}
    assert set(index.concerned(row(id="other"))) == set()


def test_of_two_conditions_the_one_that_tells_more_finds_the_group() -> None:
    index: FilterIndex[int] = FilterIndex()
    for group in range(100):
        parts = Condition("text", "eq", "open"), Condition("owner", "eq", f"owner-{group}")
        index.add(group, "one", AllOf(parts))
    assert len(set(index.concerned(row(text="open", owner="nobody")))) <= 1


def test_who_holds_a_row_is_found_until_it_is_let_go() -> None:
    index: FilterIndex[int] = FilterIndex()
    index.add(1, "one", Condition("owner", "eq", "a"))
    index.hold(1, "one", "x")
    assert set(index.concerned(row(owner="b"))) == {1}
    index.let_go(1, "one", "x")
    assert set(index.concerned(row(owner="b"))) == set()


def test_nothing_is_kept_of_groups_that_are_gone() -> None:
    index: FilterIndex[int] = FilterIndex()
    index.add(1, "one", AnyOf((Condition("owner", "in", ["a", "b"]), Condition("text", "isNull", True))))
    index.hold(1, "one", "x")
    index.remove(1, "one")
    assert not vars(index)["_tenants"]


def test_a_value_that_no_filter_can_ask_for_is_passed_over() -> None:
    index: FilterIndex[int] = FilterIndex()
    index.add(1, "one", Condition("owner", "eq", "a"))
    assert set(index.concerned(row(owner={"a": 1}))) == set()
