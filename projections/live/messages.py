"""Messages of live views: a snapshot of the rows, then each change of one of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from eventstore.place import Place
from projections.storage.rows import Row


class ChangeKind(StrEnum):
    """What a change did to the rows that the subscriber has."""

    ADDED = "ADDED"
    UPDATED = "UPDATED"
    REMOVED = "REMOVED"


class Snapshot(NamedTuple):
    """The rows at the beginning, and whether other rows met the filter when they were read last."""

    rows: Sequence[Row]
    place: Place
    has_more: bool


class RowChange(NamedTuple):
    """One row entered the subscriber's rows, changed in them, or left them.

    `row` is None if it is gone from the view, or hidden from the subscriber by now. `changed_fields` is None
    if the row before is not known. `command_id` is that of the command whose event changed the row last, None
    if it is not known, or if the subscriber may not see the row.
    """

    kind: ChangeKind
    id: str
    row: Row | None
    changed_fields: tuple[str, ...] | None
    place: Place
    command_id: str | None = None

    @classmethod
    def of_row(
        cls, kind: ChangeKind, row: Row, changed_fields: tuple[str, ...] | None, place: Place
    ) -> RowChange:
        """Return the change after which the subscriber has this row."""
        return cls(kind, row["id"], row, changed_fields, place, row.get("_command"))


class RowDelta(NamedTuple):
    """A change for the subscribers that have the row. `rank` is the row's rank before, None if it is new.

    A subscriber has the rows of a `ResultSet` from some rank on.
    """

    change: RowChange
    rank: int | None

    @property
    def place(self) -> Place:
        """The place of the change."""
        return self.change.place

    def with_floor(self, floor: int) -> RowDelta:
        """Return the delta with this floor of its place: see `Place`."""
        place = self.change.place.with_floor(floor)
        return self if place is self.change.place else self._replace(change=self.change._replace(place=place))

    def as_added(self) -> RowDelta:
        """Return the delta for a subscriber that did not have the row."""
        return RowDelta(self.change._replace(kind=ChangeKind.ADDED, changed_fields=None), None)

    def concerns(self, min_rank: int) -> bool:
        """Return whether the delta is right as it is for a subscriber with the rows from `min_rank` on."""
        return self.rank is None or self.rank >= min_rank


LiveMessage = Snapshot | RowDelta
"""What the topic of a live view publishes."""
