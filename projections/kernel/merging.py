"""Merge rules: join values that several processes wrote independently. Pure.

Order, grouping and repetition of the joins make no difference, so that a row is the same in whatever order
events arrive: each rule is the join of a semilattice, as in M. Shapiro and others,
"Conflict-free Replicated Data Types" (SSS 2011).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, TypeVar

Rule = Callable[[Any, Any], Any]
"""Joins the value that a row has with a written one."""

R = TypeVar("R", bound=Mapping[str, Any])


class WrittenNumber(TypedDict):
    """A value with the time and the process that wrote it."""

    value: float
    at: datetime
    by: str


class CounterShare(TypedDict):
    """The totals that one process has counted up and down."""

    by: str
    increments: float
    decrements: float


def latest_write(one: WrittenNumber, other: WrittenNumber) -> WrittenNumber:
    """Return the value that was written later; at equal times that of the greater process and value."""
    return max(one, other, key=lambda written: (written["at"], written["by"], written["value"]))


def united(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """Return the union, sorted."""
    return sorted({*one, *other})


def pn_counter(one: Sequence[CounterShare], other: Sequence[CounterShare]) -> list[CounterShare]:
    """Return the shares of a PN-counter, one for each process: its greatest totals."""
    shares = {share["by"]: share for share in one}
    for share in other:
        before = shares.get(share["by"], share)
        shares[share["by"]] = CounterShare(
            by=share["by"],
            increments=max(before["increments"], share["increments"]),
            decrements=max(before["decrements"], share["decrements"]),
        )
    return [shares[by] for by in sorted(shares)]


def counted(shares: Sequence[CounterShare]) -> float:
    """Return the value of a PN-counter."""
    return sum(share["increments"] - share["decrements"] for share in shares)


def merged(row: R, rules: Mapping[str, Rule], **values: Any) -> dict[str, Any]:
    """Return the row with each of the values joined by its rule; None is no value."""
    before = {name: row[name] for name in values}
    return {
        **row,
        **{
            name: value if before[name] is None else rules[name](before[name], value)
            for name, value in values.items()
        },
    }
