"""Changes of a subscriber that receives only the latest state of each row. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from projections.live.messages import ChangeKind, RowChange


class LatestChanges:
    """Undelivered changes, merged to one for each row, in the order of the last change of each row."""

    def __init__(self) -> None:
        self._changes: dict[str, RowChange] = {}

    def __len__(self) -> int:
        return len(self._changes)

    def add(self, change: RowChange) -> None:
        """Merge the change with the undelivered one of its row."""
        before = self._changes.pop(change.id, None)
        merged = change if before is None else _merge(before, change)
        if merged is not None:
            self._changes[change.id] = merged

    def take(self) -> Sequence[RowChange]:
        """Return and remove all changes."""
        changes, self._changes = self._changes, {}
        return list(changes.values())


def _merge(before: RowChange, change: RowChange) -> RowChange | None:
    """Return both as one change, None if they cancel each other."""
    was_present = before.kind is not ChangeKind.ADDED
    if change.kind is ChangeKind.REMOVED:
        return change if was_present else None
    kind = ChangeKind.UPDATED if was_present else ChangeKind.ADDED
    return change._replace(kind=kind, changed_fields=_union(before, change))


def _union(before: RowChange, change: RowChange) -> tuple[str, ...] | None:
    if before.changed_fields is None or change.changed_fields is None:
        return None
    return tuple(sorted({*before.changed_fields, *change.changed_fields}))
