"""Who watches: one that comes back, and one that sees what its group is told in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from projections.live.recent_changes import Mark
from projections.live.result_set import ChangeKind, LiveMessage, ResultSet, ResumeState, RowDelta
from projections.storage.rows import Row
from subscriptions.live.ports import Delivery
from subscriptions.live.subscriber import Subscriber

Watcher = Subscriber[LiveMessage, Any]


class Shared(Protocol):
    """What is held in common, and the `last` change that was told of it."""

    held: ResultSet
    last: RowDelta | None


@dataclass
class MissedRows:
    """What was read for one that was away; `mark` is from before that."""

    mark: Mark
    rows: Sequence[Row]


@dataclass
class Resumption:
    """One that comes back, what was read for it, and whether it must begin anew."""

    away: ResumeState
    missed: MissedRows | None = None
    expired: bool = False


class RankFilter:
    """Sees what its group is told as one who holds only the rows from some rank on."""

    def __init__(self, watched: Shared, member: Watcher, since: int) -> None:
        self._watched = watched
        self._member = member
        self._since = since

    def choose(self, message: LiveMessage) -> Delivery:
        if not isinstance(message, RowDelta):
            return Delivery.AS_IS
        if message is self._watched.last and self._watched.held.all_since >= self._since:
            # It holds what the others hold by now.
            self._member.own = None
        if message.is_held(self._since):
            return Delivery.AS_IS
        return Delivery.SKIP if message.changed.kind is ChangeKind.REMOVED else Delivery.ALTERNATE
