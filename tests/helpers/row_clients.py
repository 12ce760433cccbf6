"""Subscribers of live views that share topics, without a transport."""

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
from tests.helpers.row_scopes import ALL_ROWS

DEADLINE = 120


class CountingRenderer:
    """Leaves messages as they are, and counts them."""

    def __init__(self, *, later: bool = False) -> None:
        self._later = later
        self.rendered = 0

    def render(self, message: LiveMessage | StatusMessage) -> Any:
        self.rendered += 1
        result = message.change if isinstance(message, RowDelta) else message
        return self._later_result(result) if self._later else result

    async def _later_result(self, message: ViewMessage) -> ViewMessage:
        await asyncio.sleep(0)
        return message

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        return [{"message": str(error)}]


class RowClient:
    """Keeps the rows that it receives, and notes messages that cannot be right in `wrong`.

    With `exact` it also checks kinds, which are not exact after a backlog of missed changes.
    """

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
        self.subscription: Subscription | None = None

    def deliver(self, chunk: Chunk[Any]) -> None:
        for message in chunk.results:
            self._receive(message)
        if self.pausing:
            self.pausing -= 1
            assert self.subscription is not None
            self.subscription.pause()

    def reconnected(self) -> RowClient:
        """Return the same client after a disconnection."""
        assert self.subscription is not None
        self.subscription.close()
        client = RowClient(exact=False)
        client.rows, client.place, client.wrong = dict(self.rows), self.place, self.wrong
        return client

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        self.ended = True
        if errors:
            self.wrong.append(errors)

    def _receive(self, message: ViewMessage) -> None:
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
            restarts = isinstance(message, Snapshot)
            if self.place is not None and message.place < self.place and not restarts:
                self.wrong.append((message, self.place))
            self.place = message.place

    def _change(self, change: RowChange) -> None:
        before = self.rows.get(change.id)
        self.kinds.append((change.kind.value, change.id))
        present = None if change.row is None else fields(change.row)
        if change.kind is ChangeKind.REMOVED:
            if self.live and self._exact and before is None:
                self.wrong.append(change)
            self.rows.pop(change.id, None)
            return
        assert present is not None
        if self._exact and ((before is None) != (change.kind is ChangeKind.ADDED) or present == before):
            self.wrong.append((before, change))
        self.rows[change.id] = present


async def until(what: Any) -> None:
    async with asyncio.timeout(DEADLINE):
        while not what():
            await asyncio.sleep(0.005)


class ClientTopic:
    """Clients of one topic."""

    def __init__(
        self, live: LiveView, filter: dict[str, Any], first: int, renderer: CountingRenderer, **options: Any
    ) -> None:
        parts = {"key": object(), "renderer": lambda: renderer, "weigh": lambda _message: 100, **options}
        self._open: Any = partial(live.open, ALL_ROWS, live.parse_filter(filter), first, **parts)

    def join(self, client: RowClient, after: Place | None = None) -> RowClient:
        client.subscription = self._open(after, client)
        return client
