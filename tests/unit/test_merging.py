"""The conflict rules: the same whoever is heard first, however often."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.testing import NOON
from projections.kernel.merging import (
    CounterShare,
    Rule,
    WrittenNumber,
    counted,
    latest_write,
    merged,
    pn_counter,
    united,
)

processes = st.sampled_from(["a", "b", "c"])
totals = st.integers(0, 20).map(float)
written = st.builds(
    WrittenNumber,
    value=st.floats(-5, 5),
    at=st.integers(0, 5).map(lambda s: NOON + timedelta(seconds=s)),
    by=processes,
)
shares = st.lists(st.builds(CounterShare, by=processes, increments=totals, decrements=totals), max_size=4)
counters = shares.map(lambda found: pn_counter([], found))
labels = st.lists(st.sampled_from("xyz"), max_size=3).map(lambda found: united([], found))

RULES: dict[Rule, st.SearchStrategy[Any]] = {
    latest_write: written,
    pn_counter: counters,
    united: labels,
}
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


@every_rule
@given(st.data())
def test_a_rule_joins_in_any_order_and_grouping_and_again(rule: Rule, data: st.DataObject) -> None:
    one, two, three = (data.draw(RULES[rule]) for _ in range(3))
    assert rule(one, two) == rule(two, one)
    assert rule(rule(one, two), three) == rule(one, rule(two, three))
    assert rule(one, one) == one


@every_rule
@given(st.data())
def test_many_writes_come_to_the_same_in_every_order(rule: Rule, data: st.DataObject) -> None:
    values = data.draw(st.lists(RULES[rule], min_size=1, max_size=6))
    again = data.draw(st.permutations([*values, *values]))
    assert reduce(rule, again) == reduce(rule, values)


@given(st.lists(st.tuples(processes, st.integers(-9, 9)), max_size=20))
def test_a_counter_is_the_sum_of_what_each_process_counted(steps: list[tuple[str, int]]) -> None:
    known: dict[str, tuple[float, float]] = {}
    counter: list[CounterShare] = []
    for by, step in steps:
        up, down = known.get(by, (0.0, 0.0))
        known[by] = up + max(step, 0), down + max(-step, 0)
        share = CounterShare(by=by, increments=known[by][0], decrements=known[by][1])
        counter = pn_counter(counter, [share])
    assert counted(counter) == sum(step for _, step in steps)


def test_only_what_is_written_changes() -> None:
    row = {"labels": ["a"], "reading": None, "name": "tokens"}
    rules: dict[str, Rule] = {"labels": united, "reading": latest_write}
    reading = WrittenNumber(value=1.0, at=NOON, by="a")
    assert merged(row, rules, reading=reading) == {**row, "reading": reading}
    assert merged(row, rules, labels=["b"]) == {**row, "labels": ["a", "b"]}
