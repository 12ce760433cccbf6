"""Who watches: one that comes back, and one that sees what its group is told in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from projections.live.recent import Mark
from projections.live.result_set import Away, ChangeKind, Held, Snapshot, Told
from projections.storage.rows import Row
from subscriptions.live.ports import Choice
from subscriptions.live.subscriber import Member

News = Snapshot | Told
Watcher = Member[News, Any]


class Shared(Protocol):
    """What is held in common, and the `last` change that was told of it."""

    held: Held
    last: Told | None


@dataclass
class Missed:
    """What was read for one that was away; `mark` is from before that."""

    mark: Mark
    rows: Sequence[Row]


@dataclass
class Return:
    """One that comes back, what was read for it, and whether it must begin anew."""

    away: Away
    missed: Missed | None = None
    expired: bool = False


class Since:
    """Sees what its group is told as one who holds only the rows from some rank on."""

    def __init__(self, watched: Shared, member: Watcher, since: int) -> None:
        self._watched = watched
        self._member = member
        self._since = since

    def choose(self, message: News) -> Choice:
        if not isinstance(message, Told):
            return Choice.SAME
        if message is self._watched.last and self._watched.held.all_since >= self._since:
            # It holds what the others hold by now.
            self._member.own = None
        if message.is_held(self._since):
            return Choice.SAME
        return Choice.NOTHING if message.changed.kind is ChangeKind.REMOVED else Choice.OTHER
