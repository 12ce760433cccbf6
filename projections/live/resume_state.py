"""What a subscriber that resumes may already have, and the changes that it has missed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from eventstore.place import Place
from projections.live.messages import ChangeKind, RowChange
from projections.live.result_set import ResultSet
from projections.storage.rows import Row, place


class ResumeState:
    """A subscriber that had received everything up to `resume_place`, and the later rows sent to it since."""

    def __init__(self, resume_place: Place) -> None:
        self._resume_place = resume_place
        self._sent: set[str] = set()

    def missed(
        self,
        rows: Iterable[Row],
        after: Place,
        published: Place,
        result_set: ResultSet,
        visible_before: Collection[str] | None = None,
    ) -> Iterator[RowChange]:
        """Yield one change for each row that changed after `after`, with its present state.

        The view contains everything up to `published`. A row that is ahead of it is sent at that place. A row
        that was created after it is left out, because it is published when the view is there.

        The removal of a row that is hidden by now is left out unless the row is among those `visible_before`;
        None stands for all rows. These removals come first and at the place `after`: a subscriber that has
        received a later place must have no row any more that was hidden from it there.
        """

        def is_hidden(row: Row) -> bool:
            return visible_before is not None and not result_set.is_visible(row)

        changed = [row for row in rows if place(row) > after and row["_created"] <= published.position]
        for row in sorted(changed, key=lambda row: (not is_hidden(row), place(row))):
            sent_at = after if is_hidden(row) else min(place(row), published).with_floor(published.floor)
            change = self._change(row, sent_at, result_set, visible_before)
            if change is not None:
                yield change

    def _change(
        self, row: Row, sent_at: Place, result_set: ResultSet, visible_before: Collection[str] | None
    ) -> RowChange | None:
        is_sent, existed = row["id"] in self._sent, _existed(row, self._resume_place)
        if result_set.matches(row):
            self._sent.add(row["id"])
            kind = ChangeKind.UPDATED if is_sent or existed else ChangeKind.ADDED
            return RowChange.of_row(kind, row, None, sent_at)
        self._sent.discard(row["id"])
        if not is_sent and not result_set.is_visible(row):
            existed = existed and (visible_before is None or row["id"] in visible_before)
        return result_set.removal(row, sent_at) if is_sent or existed else None


def _existed(row: Row, at: Place) -> bool:
    """Return whether a subscriber that had received everything up to this place may have the row."""
    created: int = row["_created"]
    return created < at.position or (created == at.position and row["_position"] > created)
