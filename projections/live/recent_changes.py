"""Rows that changed during a read, so that the read does not overwrite newer states. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from weakref import WeakSet

from projections.storage.rows import Row, place


class Mark:
    """A moment. While a mark is referenced, later changes are kept."""

    def __init__(self, number: int) -> None:
        self.number = number


class RecentChanges:
    """The last published state of each row that changed since the earliest mark in use."""

    def __init__(self) -> None:
        # In the order of the last changes.
        self._rows: dict[str, tuple[int, Row]] = {}
        self._marks: WeakSet[Mark] = WeakSet()
        self._number = 0

    def mark(self) -> Mark:
        """Return a mark from which on changes are kept."""
        mark = Mark(self._number)
        self._marks.add(mark)
        return mark

    def add(self, row: Row) -> None:
        """Note a changed row."""
        if not self._marks:
            self._rows.clear()
            return
        self._number += 1
        self._rows.pop(row["_id"], None)
        self._rows[row["_id"]] = (self._number, row)

    def since(self, mark: Mark, tenant: str) -> dict[str, Row]:
        """Return the tenant's rows that changed after the mark, by id, in their last state."""
        return {row["id"]: row for row in self._after(mark) if row["_tenant"] == tenant}

    def newer(self, rows: Iterable[Row], mark: Mark, tenant: str) -> list[Row]:
        """Return those of the rows, read after the mark, of which no equal or later state was published."""
        published = self.since(mark, tenant)
        return [row for row in rows if row["id"] not in published or place(published[row["id"]]) < place(row)]

    def _after(self, mark: Mark) -> Iterator[Row]:
        for number, row in reversed(self._rows.values()):
            if number <= mark.number:
                return
            yield row
