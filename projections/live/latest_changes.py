"""What is left to tell of each row to one who is told no more than its last state. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from projections.live.result_set import ChangeKind, RowChange


class LatestChanges:
    """Changes that were not told yet, joined to one for each row, in the order of the last ones."""

    def __init__(self) -> None:
        self._changes: dict[str, RowChange] = {}

    def __len__(self) -> int:
        return len(self._changes)

    def add(self, change: RowChange) -> None:
        """Let the change follow on what is left to tell of its row."""
        before = self._changes.pop(change.id, None)
        joined = change if before is None else _join(before, change)
        if joined is not None:
            self._changes[change.id] = joined

    def take(self) -> Sequence[RowChange]:
        """All of them; nothing is left."""
        changes, self._changes = self._changes, {}
        return list(changes.values())


def _join(before: RowChange, change: RowChange) -> RowChange | None:
    """Both as one change; None where nothing comes of them."""
    was_held = before.kind is not ChangeKind.ADDED
    if change.kind is ChangeKind.REMOVED:
        return change if was_held else None
    kind = ChangeKind.UPDATED if was_held else ChangeKind.ADDED
    return change._replace(kind=kind, changed_fields=_union(before, change))


def _union(before: RowChange, change: RowChange) -> tuple[str, ...] | None:
    if before.changed_fields is None or change.changed_fields is None:
        return None
    return tuple(sorted({*before.changed_fields, *change.changed_fields}))
