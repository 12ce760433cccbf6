"""What a subscriber that resumes may already have, and the changes that it has missed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
        self, rows: Iterable[Row], after: Place, published: Place, result_set: ResultSet
    ) -> Iterator[RowChange]:
        """Yield one change for each row that changed after `after`, with its present state.

        The view contains everything up to `published`. A row that is ahead of it is sent at that place. A row
        that was created after it is left out, because it is published when the view is there.
        """
        for row in sorted(rows, key=place):
            row_place = place(row)
            if row_place > after and row["_created"] <= published.position:
                change = self._change(row, min(row_place, published), result_set)
                if change is not None:
                    yield change

    def _change(self, row: Row, sent_at: Place, result_set: ResultSet) -> RowChange | None:
        may_exist = row["id"] in self._sent or _existed(row, self._resume_place)
        if result_set.matches(row):
            self._sent.add(row["id"])
            kind = ChangeKind.UPDATED if may_exist else ChangeKind.ADDED
            return RowChange(kind, row["id"], row, None, sent_at)
        self._sent.discard(row["id"])
        return RowChange.removed(row, sent_at) if may_exist else None


def _existed(row: Row, at: Place) -> bool:
    """Return whether a subscriber that had received everything up to this place may have the row."""
    created: int = row["_created"]
    return created < at.position or (created == at.position and row["_position"] > created)
