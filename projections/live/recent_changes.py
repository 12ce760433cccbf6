"""The rows that changed while somebody read: what was read of them is not how they are by now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from weakref import WeakSet

from projections.storage.rows import Row, place


class Mark:
    """A moment. As long as one is kept, what changes after it is."""

    def __init__(self, number: int) -> None:
        self.number = number


class RecentChanges:
    """The last state of each row that changed since the earliest mark that somebody keeps."""

    def __init__(self) -> None:
        # In the order of the last changes.
        self._rows: dict[str, tuple[int, Row]] = {}
        self._marks: WeakSet[Mark] = WeakSet()
        self._number = 0

    def mark(self) -> Mark:
        """Remember what changes from now on."""
        mark = Mark(self._number)
        self._marks.add(mark)
        return mark

    def add(self, row: Row) -> None:
        """The row has changed."""
        if not self._marks:
            self._rows.clear()
            return
        self._number += 1
        self._rows.pop(row["_id"], None)
        self._rows[row["_id"]] = (self._number, row)

    def since(self, mark: Mark, tenant: str) -> dict[str, Row]:
        """The tenant's rows that changed after the mark, by id, as they are."""
        return {row["id"]: row for row in self._after(mark) if row["_tenant"] == tenant}

    def unsurpassed(self, rows: Iterable[Row], mark: Mark, tenant: str) -> list[Row]:
        """Of the rows, which were read after the mark, those of which no such or later state was told."""
        told = self.since(mark, tenant)
        return [row for row in rows if row["id"] not in told or place(told[row["id"]]) < place(row)]

    def _after(self, mark: Mark) -> Iterator[Row]:
        for number, row in reversed(self._rows.values()):
            if number <= mark.number:
                return
            yield row
