"""The rows that the subscribers of one topic share, and what a changed row means for them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from eventstore.place import Place
from projections.live.messages import ChangeKind, RowChange, RowDelta
from projections.querying.filters import Filter, to_predicate
from projections.querying.row_scope import RowScope
from projections.storage.rows import Row, changed_fields, has_other_metadata, place

MAX_WHOLE_ROWS = 5_000
"""Rows of one filter that are kept whole; of rows that changed earlier only id and place are kept."""


class InitialRows(NamedTuple):
    """The rows of a new subscriber, in the order of their last change, latest first.

    From then on it has the rows of `min_rank` and above. `has_more` is that of its `Snapshot`.
    """

    rows: Sequence[Row]
    min_rank: int
    has_more: bool


class MatchingRow(NamedTuple):
    """A row that meets the filter, as it was read: whole, or its id and place alone."""

    id: str
    place: Place
    row: Row | None

    @classmethod
    def whole(cls, row: Row) -> MatchingRow:
        """Return the row with all its fields."""
        return cls(row["id"], place(row), row)


class _Entry(NamedTuple):
    rank: int
    place: Place


class ResultSet:
    """The rows of a scope that meet a filter, in the states that were published.

    Each row has a *rank*; the later its last state was published, the higher it is. So a subscriber that
    joined later, or began with fewer rows, has the rows from some rank on. `complete`: no other row meets the
    filter.
    """

    def __init__(self, scope: RowScope, filter: Filter, max_whole_rows: int = MAX_WHOLE_ROWS) -> None:
        self._tenant = scope.tenant
        self._meets_rule = to_predicate(scope.rule)
        self._meets_filter = to_predicate(filter)
        self._max_whole_rows = max_whole_rows
        # Both in the order of the ranks.
        self._entries: dict[str, _Entry] = {}
        self._rows: dict[str, Row] = {}
        # Places of states that do not meet the filter and that were read before they were published.
        self._ahead: dict[str, Place] = {}
        self._lowest_rank = 0
        self._highest_rank = 0
        self._was_read = False
        self.complete = False

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, row_id: object) -> bool:
        return row_id in self._entries

    @property
    def ids(self) -> list[str]:
        """The ids of all rows."""
        return list(self._entries)

    @property
    def lowest_rank(self) -> int:
        """The lowest rank so far; rows that are added by `extend` get lower ones."""
        return self._lowest_rank

    @property
    def min_rank(self) -> int:
        """The lowest rank of the present rows: a subscriber with the rows from there on has all of them."""
        return next((entry.rank for entry in self._entries.values()), self._highest_rank + 1)

    def matches(self, row: Row) -> bool:
        """Return whether the row belongs to the set."""
        return self.is_visible(row) and self._meets_filter(row)

    def is_visible(self, row: Row) -> bool:
        """Return whether subscribers may see the row, whether or not it meets the filter."""
        return bool(row["_tenant"] == self._tenant and not row["_gone"] and self._meets_rule(row))

    def removal(self, row: Row, published: Place) -> RowChange:
        """Return the removal of a row that belongs to the set no more; it shows only a visible row."""
        shown = row if self.is_visible(row) else None
        command_id = row.get("_command") if shown is not None or row["_gone"] else None
        return RowChange(ChangeKind.REMOVED, row["id"], shown, None, published, command_id)

    def initial_rows(self, first: int | None) -> InitialRows | None:
        """Return the `first` rows that changed last, None if they are not known."""
        wanted = len(self._entries) if first is None else first
        if not self.complete and (not self._was_read or first is None or len(self._entries) < wanted):
            return None
        min_rank, rows = self._highest_rank + 1, list[Row]()
        for row_id, entry in reversed(self._entries.items()):
            if len(rows) == wanted:
                break
            row = self._rows.get(row_id)
            if row is None:
                return None
            min_rank = entry.rank
            rows.append(row)
        return InitialRows(rows, min_rank, not self.complete or len(self._entries) > len(rows))

    def apply(self, row: Row, published: Place | None = None) -> RowDelta | None:
        """Apply a changed row, and return what it means for subscribers that have these rows; None: nothing.

        With `published`, the place up to which everything is published, the row was read before its turn. It
        may have changed several times since, or be ahead of that place. So the change is published at that
        place: subscribers may be past an earlier one, and rows before a later one may not be written yet.
        """
        if row["_tenant"] != self._tenant:
            return None
        row_id, row_place = row["id"], place(row)
        before = self._entries.get(row_id)
        last_place = self._ahead.get(row_id) if before is None else before.place
        if last_place is not None and row_place <= last_place:
            if row_place == last_place:
                self._ahead.pop(row_id, None)
            return None
        self._ahead.pop(row_id, None)
        if published is not None and row_place > published:
            if row["_created"] > published.position:
                return None
            if not self.matches(row):
                self._ahead[row_id] = row_place
        return self._delta(row, row_place, published or row_place, before)

    def extend(self, matching: Iterable[MatchingRow], *, complete: bool) -> list[str]:
        """Add rows that were not published, and return the ids of those that are new.

        They are in the order of `initial_rows`, and none of them has changed since it was read.
        """
        new: dict[str, _Entry] = {}
        rows: dict[str, Row] = {}
        for match in matching:
            entry = self._entries.get(match.id)
            if entry is None:
                self._lowest_rank -= 1
                new[match.id] = _Entry(self._lowest_rank, match.place)
            if match.row is not None and (entry is None or entry.place == match.place):
                rows[match.id] = match.row
        self._entries = {**dict(reversed(new.items())), **self._entries}
        rows |= self._rows
        self._rows = {row_id: rows[row_id] for row_id in self._entries if row_id in rows}
        self._limit_rows()
        self._was_read, self.complete = True, self.complete or complete
        return list(new)

    def refresh(
        self, rows: Iterable[Row], lost: Iterable[str], published: Place, *, complete: bool
    ) -> Iterator[RowDelta]:
        """Apply the rows of a rebuilt view, and yield what differs.

        `rows` are the present rows as they are now, and others; rows that are `lost` exist no more. A rebuild
        changes rows at no place of their own, so `published` is where to resume.
        """
        self._was_read, self.complete = True, complete
        for row_id in lost:
            if row_id in self._entries:
                change = RowChange(ChangeKind.REMOVED, row_id, None, None, published)
                yield RowDelta(change, self._remove(row_id))
        for row in sorted(rows, key=place):
            before = self._entries.get(row["id"])
            if before is None or before.place <= place(row):
                delta = self._delta(row, place(row), published, before)
                if delta is not None:
                    yield delta

    def _delta(self, row: Row, row_place: Place, published: Place, before: _Entry | None) -> RowDelta | None:
        row_id = row["id"]
        if not self.matches(row):
            if before is None:
                return None
            self._remove(row_id)
            return RowDelta(self.removal(row, published), before.rank)
        if before is None:
            self._put(row_id, row_place, row)
            return RowDelta(RowChange.of_row(ChangeKind.ADDED, row, None, published), None)
        old = self._rows.get(row_id)
        names = None if old is None else changed_fields(old, row)
        if old is not None and names == () and not has_other_metadata(old, row):
            # Nothing is published, so the row keeps the rank of its last published state.
            self._entries[row_id] = before._replace(place=row_place)
            self._rows[row_id] = row
            return None
        self._remove(row_id)
        self._put(row_id, row_place, row)
        return RowDelta(RowChange.of_row(ChangeKind.UPDATED, row, names, published), before.rank)

    def _put(self, row_id: str, row_place: Place, row: Row) -> None:
        self._highest_rank += 1
        self._entries[row_id] = _Entry(self._highest_rank, row_place)
        self._rows[row_id] = row
        self._limit_rows()

    def _remove(self, row_id: str) -> int:
        self._rows.pop(row_id, None)
        return self._entries.pop(row_id).rank

    def _limit_rows(self) -> None:
        while len(self._rows) > self._max_whole_rows:
            del self._rows[next(iter(self._rows))]
