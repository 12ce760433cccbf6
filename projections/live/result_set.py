"""What the subscribers of one live view hold, and what a changed row means for them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from projections.querying.filters import Filter, to_predicate
from projections.storage.rows import Row, changed_fields, has_other_metadata, place
from subscriptions.live.messages import Place

MAX_WHOLE_ROWS = 5_000
"""Rows of one filter that are kept whole; of those that changed before them only id and place are known."""


class ChangeKind(StrEnum):
    """What a change did to the set of rows that the subscriber holds."""

    ADDED = "ADDED"
    UPDATED = "UPDATED"
    REMOVED = "REMOVED"


class Snapshot(NamedTuple):
    """The rows at the beginning, and whether others met the filter when rows were read last."""

    rows: Sequence[Row]
    place: Place
    has_more: bool


class RowChange(NamedTuple):
    """One row entered the set, changed in it, or left it.

    `row` is None once it is gone from the view. `changed_fields` is None where the row before is not known.
    """

    kind: ChangeKind
    id: str
    row: Row | None
    changed_fields: tuple[str, ...] | None
    place: Place


class RowDelta(NamedTuple):
    """A change as who holds the row is told it. `rank` is what the row had before; None: nobody held it."""

    changed: RowChange
    rank: int | None

    @property
    def place(self) -> Place:
        """Of the change."""
        return self.changed.place

    def added(self) -> RowDelta:
        """As it is told to one who did not hold the row."""
        return RowDelta(self.changed._replace(kind=ChangeKind.ADDED, changed_fields=None), None)

    def is_held(self, since: int) -> bool:
        """Whether one who holds the rows of the rank `since` and above is told it as it is."""
        return self.rank is None or self.rank >= since


LiveMessage = Snapshot | RowDelta
"""What the topic of a live view publishes."""


class InitialRows(NamedTuple):
    """The rows for a new subscriber, those that changed last first, and the rank from which on it holds rows.

    `has_more` is as that of a `Snapshot`.
    """

    rows: Sequence[Row]
    since: int
    has_more: bool


class MatchingRow(NamedTuple):
    """A row that meets the filter, as it was read: whole, or no more than its id and place."""

    id: str
    place: Place
    row: Row | None

    @classmethod
    def whole(cls, row: Row) -> MatchingRow:
        """The row."""
        return cls(row["id"], place(row), row)


class _Ranked(NamedTuple):
    rank: int
    place: Place


class ResultSet:
    """The rows of one tenant that meet a filter, as those who share it have been told them.

    Each has a *rank*, higher the later it was told of; so what one holds who joined later, or who was told
    fewer rows at first, are the rows from some rank on. `complete`: no other rows meet the filter.
    """

    def __init__(self, tenant: str, filter: Filter, kept: int = MAX_WHOLE_ROWS) -> None:
        self._tenant = tenant
        self._holds = to_predicate(filter)
        self._kept = kept
        # Both in the order of the ranks.
        self._known: dict[str, _Ranked] = {}
        self._rows: dict[str, Row] = {}
        self._ahead: dict[str, Place] = {}
        self._lowest = 0
        self._highest = 0
        self._read = False
        self.complete = False

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, id: object) -> bool:
        return id in self._known

    @property
    def ids(self) -> list[str]:
        """Of all rows that it holds."""
        return list(self._known)

    @property
    def lowest(self) -> int:
        """The lowest rank that was ever given; what is found out later has lower ones."""
        return self._lowest

    @property
    def all_since(self) -> int:
        """The rank from which on one holds rows who holds all of these."""
        return next((known.rank for known in self._known.values()), self._highest + 1)

    def meets(self, row: Row) -> bool:
        """Whether the row is one that is held."""
        return bool(row["_tenant"] == self._tenant and not row["_gone"] and self._holds(row))

    def join(self, first: int | None) -> InitialRows | None:
        """For one who asks for the `first` rows that changed last; None where these are not known."""
        wanted = len(self._known) if first is None else first
        if not self.complete and (not self._read or first is None or len(self._known) < wanted):
            return None
        since, rows = self._highest + 1, list[Row]()
        for key, known in reversed(self._known.items()):
            if len(rows) == wanted:
                break
            row = self._rows.get(key)
            if row is None:
                return None
            since = known.rank
            rows.append(row)
        return InitialRows(rows, since, not self.complete or len(self._known) > len(rows))

    def take(self, row: Row, known: Place | None = None) -> RowDelta | None:
        """What a row that changed means for those who hold these; None: nothing.

        Where `known` is given, which is how far all were told, the row was read and not told of in its turn:
        it may have changed again before that came, or be further on. It is told there, as a place before it
        was told already, and rows before a place beyond it may not be written yet.
        """
        if row["_tenant"] != self._tenant:
            return None
        key, now = row["id"], place(row)
        before = self._known.get(key)
        had = self._ahead.get(key) if before is None else before.place
        if had is not None and now <= had:
            if now == had:
                self._ahead.pop(key, None)
            return None
        self._ahead.pop(key, None)
        if known is not None and now > known:
            if row["_created"] > known.position:
                return None
            if not self.meets(row):
                self._ahead[key] = now
        return self._told(row, now, known or now, before)

    def _told(self, row: Row, now: Place, told: Place, before: _Ranked | None) -> RowDelta | None:
        key = row["id"]
        if not self.meets(row):
            if before is None:
                return None
            self._forget(key)
            return RowDelta(_removed(row, told), before.rank)
        if before is None:
            self._put(key, now, row)
            return RowDelta(RowChange(ChangeKind.ADDED, key, row, None, told), None)
        old = self._rows.get(key)
        names = None if old is None else changed_fields(old, row)
        if old is not None and names == () and not has_other_metadata(old, row):
            # It is as it was told; nobody is told a state twice, and the rank says who was told this one.
            self._known[key] = before._replace(place=now)
            self._rows[key] = row
            return None
        self._forget(key)
        self._put(key, now, row)
        return RowDelta(RowChange(ChangeKind.UPDATED, key, row, names, told), before.rank)

    def extend(self, found: Iterable[MatchingRow], *, complete: bool) -> list[str]:
        """Know also these rows, which were not told; the ids of those that are new.

        They come in the order of `join`, and none has changed since it was read.
        """
        new: dict[str, _Ranked] = {}
        rows: dict[str, Row] = {}
        for one in found:
            known = self._known.get(one.id)
            if known is None:
                self._lowest -= 1
                new[one.id] = _Ranked(self._lowest, one.place)
            if one.row is not None and (known is None or known.place == one.place):
                rows[one.id] = one.row
        self._known = {**dict(reversed(new.items())), **self._known}
        rows |= self._rows
        self._rows = {key: rows[key] for key in self._known if key in rows}
        self._shed()
        self._read, self.complete = True, self.complete or complete
        return list(new)

    def refresh(
        self, rows: Iterable[Row], lost: Iterable[str], told: Place, *, complete: bool
    ) -> Iterator[RowDelta]:
        """What to tell where the rows were made anew: `rows` are those held as they are now, and others.

        Rows that are `lost` are there no more. They may read otherwise without a change that has a place of
        its own; so `told` is where to resume.
        """
        self._read, self.complete = True, complete
        for key in lost:
            if key in self._known:
                yield RowDelta(RowChange(ChangeKind.REMOVED, key, None, None, told), self._forget(key))
        for row in sorted(rows, key=place):
            before = self._known.get(row["id"])
            if before is None or before.place <= place(row):
                change = self._told(row, place(row), told, before)
                if change is not None:
                    yield change

    def _put(self, key: str, now: Place, row: Row) -> None:
        self._highest += 1
        self._known[key] = _Ranked(self._highest, now)
        self._rows[key] = row
        self._shed()

    def _forget(self, key: str) -> int:
        self._rows.pop(key, None)
        return self._known.pop(key).rank

    def _shed(self) -> None:
        while len(self._rows) > self._kept:
            del self._rows[next(iter(self._rows))]


class ResumeState:
    """One that comes back: it had been told all up to `since`. What it is told of later rows is noted."""

    def __init__(self, since: Place) -> None:
        self._since = since
        self._told: set[str] = set()

    def missed(self, rows: Iterable[Row], after: Place, known: Place, held: ResultSet) -> Iterator[RowChange]:
        """What it is told of rows that changed since `after`: each once, as it is now.

        The view holds all up to `known`; a row that is further on is told there, and one that came to be
        beyond it is told when the view is there.
        """
        for row in sorted(rows, key=place):
            now = place(row)
            if now > after and row["_created"] <= known.position:
                change = self._change(row, min(now, known), held)
                if change is not None:
                    yield change

    def _change(self, row: Row, told: Place, held: ResultSet) -> RowChange | None:
        may_hold = row["id"] in self._told or _may_hold(row, self._since)
        if held.meets(row):
            self._told.add(row["id"])
            kind = ChangeKind.UPDATED if may_hold else ChangeKind.ADDED
            return RowChange(kind, row["id"], row, None, told)
        self._told.discard(row["id"])
        return _removed(row, told) if may_hold else None


def _may_hold(row: Row, after: Place) -> bool:
    """Whether one that was told all up to `after` may have been told of the row."""
    created: int = row["_created"]
    return created < after.position or (created == after.position and row["_position"] > created)


def _removed(row: Row, at: Place) -> RowChange:
    return RowChange(ChangeKind.REMOVED, row["id"], None if row["_gone"] else row, None, at)
