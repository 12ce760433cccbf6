"""Conflict rules: what becomes of a value that several wrote, none of whom knew of the others. Pure.

Each rule joins two values in such a way that order, grouping and repetition make no difference, so that a
row comes to the same whoever is heard first: they are the join of a semilattice, as in M. Shapiro and others,
"Conflict-free Replicated Data Types" (SSS 2011).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, TypeVar

Rule = Callable[[Any, Any], Any]
"""Joins the value that a row has with one that is written to it."""

R = TypeVar("R", bound=Mapping[str, Any])


class WrittenNumber(TypedDict):
    """A value with when it was written, and by whom."""

    value: float
    at: datetime
    by: str


class CounterShare(TypedDict):
    """What one process has counted up and down, in all."""

    by: str
    increments: float
    decrements: float


def last_write_wins(one: WrittenNumber, other: WrittenNumber) -> WrittenNumber:
    """The one that was written later, by its own time; of two at once that of the greater name and value."""
    return max(one, other, key=lambda written: (written["at"], written["by"], written["value"]))


def united(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """All that is in either, sorted."""
    return sorted({*one, *other})


def pn_counter(one: Sequence[CounterShare], other: Sequence[CounterShare]) -> list[CounterShare]:
    """The shares of a PN-counter, one for each process: the greatest totals that are known of it."""
    shares = {share["by"]: share for share in one}
    for share in other:
        known = shares.get(share["by"], share)
        shares[share["by"]] = CounterShare(
            by=share["by"],
            increments=max(known["increments"], share["increments"]),
            decrements=max(known["decrements"], share["decrements"]),
        )
    return [shares[by] for by in sorted(shares)]


def counted(shares: Sequence[CounterShare]) -> float:
    """The value of a PN-counter."""
    return sum(share["increments"] - share["decrements"] for share in shares)


def merged(row: R, rules: Mapping[str, Rule], **written: Any) -> dict[str, Any]:
    """The row with what is written to its fields, each joined by its rule; None is no value."""
    known = {name: row[name] for name in written}
    return {
        **row,
        **{
            name: value if known[name] is None else rules[name](known[name], value)
            for name, value in written.items()
        },
    }
