"""The checker of histories accepts those that one register can have, and finds the others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.linearizability import Operation, is_linearizable


def write(began: float, ended: float, value: int) -> Operation:
    return Operation(began, ended, value, is_write=True)


def read(began: float, ended: float, value: int | None) -> Operation:
    return Operation(began, ended, value)


def test_operations_one_after_the_other_read_what_was_written_last() -> None:
    assert is_linearizable([read(0, 1, None), write(2, 3, 1), read(4, 5, 1), write(6, 7, 2), read(8, 9, 2)])
    assert not is_linearizable([write(0, 1, 1), write(2, 3, 2), read(4, 5, 1)])
    assert not is_linearizable([write(0, 1, 1), read(2, 3, None)])
    assert not is_linearizable([read(0, 1, 1), write(2, 3, 1)])


def test_a_read_during_a_write_may_return_either_value_but_never_goes_back() -> None:
    during = [write(0, 10, 1), read(1, 2, None), read(3, 4, 1)]
    assert is_linearizable(during)
    assert not is_linearizable([*during, read(5, 6, None)])


def test_concurrent_writes_take_effect_in_any_order() -> None:
    writes = [write(0, 10, 1), write(0, 10, 2)]
    for first, second in ((1, 2), (2, 1)):
        assert is_linearizable([*writes, read(11, 12, first)])
        assert is_linearizable([*writes, read(2, 3, first), read(4, 5, second), read(11, 12, second)])
        assert not is_linearizable([*writes, read(11, 12, first), read(13, 14, second)])


def test_one_stale_read_in_a_long_history_is_found() -> None:
    """Writers and readers overlap; the fault is one read that returns the value before the present one."""
    history = [write(10 * number, 10 * number + 6, number) for number in range(300)]
    for number in range(300):
        history += [read(10 * number + 4 + each, 10 * number + 8, number) for each in (0, 1)]
    assert is_linearizable(history)
    assert not is_linearizable([*history, read(2_007, 2_008, 199)])


OPERATIONS = st.builds(
    lambda began, length, value, is_write: Operation(began, began + length, value, is_write),
    st.integers(0, 8),
    st.integers(0, 5),
    st.integers(0, 2),
    st.booleans(),
)


@given(st.lists(OPERATIONS, max_size=5))
def test_it_agrees_with_a_search_of_all_orders(history: list[Operation]) -> None:
    assert is_linearizable(history, 0) == any(_is_valid(order) for order in permutations(history))


def _is_valid(order: Sequence[Operation]) -> bool:
    """Return whether the operations, in this order, are in the order of time, and read what was written."""
    value: object = 0
    for operation in order:
        if not operation.is_write and operation.value != value:
            return False
        value = operation.value
    return all(
        not later.ended < earlier.began for index, earlier in enumerate(order) for later in order[index + 1 :]
    )
