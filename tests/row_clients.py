"""Subscribers of live views that share what they are told, without a transport."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from eventstore.place import Place
from projections.live.live_view import LiveView, ViewMessage
from projections.live.messages import ChangeKind, LiveMessage, RowChange, RowDelta, Snapshot
from projections.storage.rows import fields
from subscriptions.live.messages import CaughtUp, CursorExpired, Lagged, StatusMessage
from subscriptions.live.sinks import Chunk, Subscription

DEADLINE = 30


class AsTheyAre:
    """Tells messages as they are, and counts how many it was given to render."""

    def __init__(self, *, later: bool = False) -> None:
        self._later = later
        self.rendered = 0

    def render(self, message: LiveMessage | StatusMessage) -> Any:
        self.rendered += 1
        told = message.change if isinstance(message, RowDelta) else message
        return self._told(told) if self._later else told

    async def _told(self, message: ViewMessage) -> ViewMessage:
        await asyncio.sleep(0)
        return message

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        return [{"message": str(error)}]


class RowClient:
    """Holds what it is told, and notes what cannot be: of exact kinds, where it was never stranded."""

    def __init__(self, *, exact: bool = True) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.kinds: list[tuple[str, str]] = []
        self.place: Place | None = None
        self.live = self.ended = False
        self.wrong: list[Any] = []
        self._exact = exact
        self.snapshots = 0
        self.expired = 0
        self.pausing = 0
        self.member: Subscription | None = None

    def deliver(self, chunk: Chunk[Any]) -> None:
        for message in chunk.results:
            self._hear(message)
        if self.pausing:
            self.pausing -= 1
            assert self.member is not None
            self.member.pause()

    def back(self) -> RowClient:
        """The same one, which was cut off; told what it missed, its kinds are not as exact."""
        assert self.member is not None
        self.member.close()
        one = RowClient(exact=False)
        one.rows, one.place, one.wrong = dict(self.rows), self.place, self.wrong
        return one

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        self.ended = True
        if errors:
            self.wrong.append(errors)

    def _hear(self, message: ViewMessage) -> None:
        match message:
            case Snapshot(rows, _):
                self.rows = {row["id"]: fields(row) for row in rows}
                self.snapshots += 1
            case RowChange():
                self._change(message)
            case CaughtUp():
                self.live = True
            case CursorExpired():
                self.live, self.expired = False, self.expired + 1
            case Lagged():
                pass
        if not isinstance(message, Lagged):
            if self.place is not None and message.place < self.place:
                self.wrong.append((message, self.place))
            self.place = message.place

    def _change(self, change: RowChange) -> None:
        before = self.rows.get(change.id)
        self.kinds.append((change.kind.value, change.id))
        told = None if change.row is None else fields(change.row)
        if change.kind is ChangeKind.REMOVED:
            if self.live and self._exact and before is None:
                self.wrong.append(change)
            self.rows.pop(change.id, None)
            return
        assert told is not None
        if self._exact and ((before is None) != (change.kind is ChangeKind.ADDED) or told == before):
            self.wrong.append((before, change))
        self.rows[change.id] = told


async def until(what: Any) -> None:
    async with asyncio.timeout(DEADLINE):
        while not what():
            await asyncio.sleep(0.005)


class Shared:
    """Who joins it asks for the same."""

    def __init__(
        self, live: LiveView, filter: dict[str, Any], first: int, renderer: AsTheyAre, **options: Any
    ) -> None:
        parts = {"key": object(), "renderer": lambda: renderer, "weigh": lambda _message: 100, **options}
        self._open: Any = partial(live.open, "default", live.parse_filter(filter), first, **parts)

    def join(self, one: RowClient, after: Place | None = None) -> RowClient:
        one.member = self._open(after, one)
        return one
