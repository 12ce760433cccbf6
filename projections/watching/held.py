"""What one subscriber of a live view holds, and what a changed row means for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from projections.querying.filters import Filter, to_predicate
from projections.rows import Row, changed_fields, place
from subscriptions.messages import Place


class ChangeKind(StrEnum):
    """What a change did to the set of rows that the subscriber holds."""

    ADDED = "ADDED"
    UPDATED = "UPDATED"
    REMOVED = "REMOVED"


class Snapshot(NamedTuple):
    """The rows at the beginning."""

    rows: Sequence[Row]
    place: Place


class Changed(NamedTuple):
    """One row entered the set, changed in it, or left it.

    `row` is None once it is gone from the view. `changed_fields` is None where the row before is not known.
    """

    kind: ChangeKind
    id: str
    row: Row | None
    changed_fields: tuple[str, ...] | None
    place: Place


class Held:
    """The rows of one tenant that meet a filter, as their subscriber has been told them."""

    def __init__(self, tenant: str, filter: Filter, rows: Iterable[Row]) -> None:
        self._tenant = tenant
        self._holds = to_predicate(filter)
        self._rows = {row["id"]: row for row in rows}
        self._ahead: dict[str, Place] = {}

    def take(self, row: Row) -> Iterator[Changed]:
        """What to tell of a row that changed: one change or none."""
        if row["_tenant"] != self._tenant:
            return
        key, now = row["id"], place(row)
        before = self._rows.get(key)
        had = self._ahead.get(key) if before is None else place(before)
        if had is not None and now <= had:
            return
        self._ahead.pop(key, None)
        if self._meets(row):
            self._rows[key] = row
            kind = ChangeKind.ADDED if before is None else ChangeKind.UPDATED
            yield Changed(kind, key, row, None if before is None else changed_fields(before, row), now)
        elif before is not None:
            del self._rows[key]
            yield _removed(row, now)

    def resume(self, row: Row, after: Place, known: Place) -> Iterator[Changed]:
        """What to tell of a row that may have changed while the subscriber was away.

        It is away since `after`; the view holds all up to `known`. The row may be further on than that; one
        that only came to be there is told when the view is there.
        """
        now = place(row)
        if now <= after or row["_created"] > known.position:
            return
        # A place beyond `known` is no place to resume at: rows before it may not be written yet.
        told = min(now, known)
        may_hold = self._rows.pop(row["id"], None) is not None or row["_created"] <= after.position
        if self._meets(row):
            self._rows[row["id"]] = row
            yield Changed(ChangeKind.UPDATED if may_hold else ChangeKind.ADDED, row["id"], row, None, told)
        else:
            if now > known:
                self._ahead[row["id"]] = now
            if may_hold:
                yield _removed(row, told)

    @property
    def ids(self) -> list[str]:
        """Of all rows that it holds."""
        return list(self._rows)

    def refresh(self, rows: Iterable[Row], told: Place) -> Iterator[Changed]:
        """What to tell where the rows were made anew: `rows` are those held as they are now, and others.

        They may read otherwise without a change that has a place of its own; so what was `told` last is where
        to resume.
        """
        now = {row["id"]: row for row in rows if self._meets(row)}
        for key in self._rows.keys() - now.keys():
            del self._rows[key]
            yield Changed(ChangeKind.REMOVED, key, None, None, told)
        for key, row in now.items():
            before = self._rows.get(key)
            names = None if before is None else changed_fields(before, row)
            self._rows[key] = row
            if before is None:
                yield Changed(ChangeKind.ADDED, key, row, None, told)
            elif names:
                yield Changed(ChangeKind.UPDATED, key, row, names, told)

    def _meets(self, row: Row) -> bool:
        return not row["_gone"] and self._holds(row)


def _removed(row: Row, at: Place) -> Changed:
    return Changed(ChangeKind.REMOVED, row["id"], None if row["_gone"] else row, None, at)
