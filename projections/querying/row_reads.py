"""What an execution reads of views. It shows whether a row that changes later may change the result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextvars import Context, ContextVar
from dataclasses import dataclass
from sys import getsizeof
from typing import NamedTuple

from projections.querying.filters import Filter, Predicate, operands, size, to_predicate
from projections.querying.ordering import Key, RowOrder
from projections.storage.rows import Row

ID_BYTES = 150
LIST_BYTES = 3_000
CONDITION_BYTES = 600
"""What the record of an id, of a list, and of a condition of its filter takes in memory, approximately."""

MAX_COMPARISONS = 200
"""Comparisons of a changed row with the lists of a view. There may be hundreds of rows to compare at once."""


@dataclass(frozen=True, slots=True)
class ListRead:
    """A read of the rows that match a filter: all of them, or those between two keys of an order.

    `ids` are the rows that were read. A key is None where that end is open. The row at a key was read too.
    """

    ids: Sequence[str]
    filter: Filter
    order: RowOrder | None = None
    low: Key | None = None
    high: Key | None = None

    def predicate(self) -> Predicate:
        """Return the predicate for stored rows that would have been read."""
        matches, order, low, high = to_predicate(self.filter), self.order, self.low, self.high

        def belongs(row: Row) -> bool:
            if row["_gone"] or not matches(row):
                return False
            if order is None:
                return True
            key = order.key(row)
            # A value that compares with no other one, such as NaN, is not outside.
            return not ((low is not None and key < low) or (high is not None and high < key))

        return belongs


class RowMark(NamedTuple):
    """Up to where the changes of a view's rows were known when a query was executed.

    `number` counts the changes in rows of the `generation`, and the view has all commits up to `complete`.
    `first_commit` is the tenant's first commit: with another one, the tenant was erased meanwhile.
    `last_refold` is its last commit after which any row may be folded again.
    """

    generation: int
    number: int
    complete: int
    first_commit: int
    last_refold: int

    def is_comparable(self, other: RowMark) -> bool:
        """Return whether the changes of rows are all that happened between the marks."""
        return (self.generation, self.first_commit, self.last_refold) == (
            other.generation,
            other.first_commit,
            other.last_refold,
        )


class _ViewReads:
    """What was read of one view."""

    __slots__ = ("_comparisons", "_has_all", "_ids", "_list_bytes", "_predicates")

    def __init__(self) -> None:
        self._has_all = False
        self._ids: set[str] = set()
        self._predicates: list[Predicate] = []
        self._comparisons = 0
        self._list_bytes = 0

    def add_all(self) -> None:
        self._has_all = True
        self._predicates.clear()
        self._list_bytes = 0

    def add_rows(self, ids: Iterable[str]) -> None:
        self._ids.update(ids)

    def add_list(self, read: ListRead) -> None:
        self.add_rows(read.ids)
        values = list(operands(read.filter))
        self._comparisons += 1 + len(values)
        if self._has_all or self._comparisons > MAX_COMPARISONS:
            self.add_all()
            return
        self._predicates.append(read.predicate())
        self._list_bytes += LIST_BYTES + CONDITION_BYTES * size(read.filter) + sum(map(getsizeof, values))

    def may_change(self, row: Row) -> bool:
        if self._has_all or row["id"] in self._ids:
            return True
        try:
            return any(belongs(row) for belongs in self._predicates)
        except Exception:
            # The row has a value that cannot be compared.
            return True

    @property
    def weight(self) -> int:
        return ID_BYTES * len(self._ids) + self._list_bytes


class QueryReads:
    """What one execution has read of each view, after the changes up to these marks."""

    def __init__(self, marks: Mapping[str, RowMark]) -> None:
        self.marks = marks
        self._views: dict[str, _ViewReads] = {}

    def record_in(self, context: Context) -> None:
        """Record what is read in this context."""
        context.run(_recording.set, self)

    def advance(self, marks: Mapping[str, RowMark]) -> None:
        """Record that no change up to these marks concerns what was read."""
        self.marks = marks

    def may_change(self, view: str, row: Row) -> bool:
        """Return whether the result may be another one after this change of a row."""
        reads = self._views.get(view)
        return reads is None or reads.may_change(row)

    def of(self, view: str) -> _ViewReads:
        """Return what was read of a view, to add to it."""
        return self._views.setdefault(view, _ViewReads())

    @property
    def weight(self) -> int:
        """The bytes in memory, approximately."""
        return sum(reads.weight for reads in self._views.values())


_recording: ContextVar[QueryReads | None] = ContextVar("query_reads", default=None)


def is_recorded() -> bool:
    """Return whether what is read in this context is recorded."""
    return _recording.get() is not None


def record_rows(view: str, ids: Iterable[str]) -> None:
    """Record that rows were read by their ids; some of them may not exist."""
    if (reads := _recording.get()) is not None:
        reads.of(view).add_rows(ids)


def record_list(view: str, read: ListRead | None) -> None:
    """Record that a list was read; None stands for one that any change may change, such as a search."""
    if (reads := _recording.get()) is None:
        return
    if read is None:
        reads.of(view).add_all()
    else:
        reads.of(view).add_list(read)


def record_all(view: str) -> None:
    """Record a read that any change of the tenant's rows may change, such as a count."""
    record_list(view, None)
