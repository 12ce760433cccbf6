"""A view in memory whose projector, checkpoint and reads go on step by step, read by real live views."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, cast

from eventstore.place import Place
from projections.live.aligned_reader import ReadLimits
from projections.live.live_view import LiveView
from projections.live.view_tail import ViewTail
from projections.querying.filters import Filter, to_predicate
from projections.querying.row_scope import RowScope
from projections.storage.rows import Row, place
from subscriptions.feed.position_waiters import TopicListener
from subscriptions.feed.tail import BATCH_SIZE
from tests.helpers.notes import view

TENANT = "default"
NEVER = 3_600.0
"""Seconds between the polls of a tail, which is woken by each checkpoint instead."""


class MemoryNotes:
    """The log, the stored rows and the checkpoint of a view of notes.

    A commit changes one row. Rows are written in any order, and the checkpoint moves after them. Each read
    takes some turns of the event loop, and scans the index of changes row by row while rows are written.
    """

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.states: list[Row] = []
        self._created: dict[str, int] = {}
        self._batch: list[Row] = []
        self._batch_end = 0
        self._written = asyncio.Event()
        self.rows: dict[str, Row] = {}
        self.checkpoint = 0
        self.listeners: list[TopicListener] = []

    @property
    def head(self) -> int:
        return len(self.states)

    def commit(self, row_id: str, text: str | None) -> None:
        """Append a commit that gives the row this text, or removes it."""
        position = self.head + 1
        created = self._created.setdefault(row_id, position)
        own = {"id": row_id} if text is None else {"id": row_id, "text": text, "at": position}
        meta = {"_tenant": TENANT, "_gone": text is None, "_position": position, "_place": 0}
        self.states.append({"_id": f"{TENANT}/{row_id}", **own, **meta, "_created": created})

    def begin_batch(self, size: int) -> None:
        """Let the projector fold the next commits, unless it is still writing a batch."""
        if not self._batch and self.checkpoint == self._batch_end < self.head:
            self._batch_end = min(self.checkpoint + size, self.head)
            states = {row["id"]: row for row in self.states[self.checkpoint : self._batch_end]}
            self._batch = self._dice.sample(list(states.values()), len(states))

    def write(self) -> None:
        """Write one row of the batch; if all are written, move the checkpoint."""
        if self._batch:
            row = self._batch.pop()
            self.rows[row["id"]] = row
        elif self.checkpoint < self._batch_end:
            self.checkpoint = self._batch_end
            self._written.set()
            self._written = asyncio.Event()
            for listener in self.listeners:
                listener.notify(self.checkpoint)

    def project_all(self) -> None:
        while self.checkpoint < self.head:
            self.begin_batch(self.head)
            self.write()

    async def pause(self) -> None:
        for _ in range(self._dice.randint(0, 4)):
            await asyncio.sleep(0)

    async def scan(self, after: Place) -> AsyncIterator[Row]:
        """Yield the rows that changed after this place in the order of their last change, as it is then."""
        await self.pause()
        while later := [row for row in self.rows.values() if place(row) > after]:
            row = min(later, key=place)
            after = place(row)
            yield row
            if not self._dice.randint(0, 2):
                await self.pause()

    async def reach(self, position: int) -> None:
        while self.checkpoint < position:
            await self._written.wait()

    def state_at(self, row_id: str, position: int) -> Row | None:
        states = [row for row in self.states[:position] if row["id"] == row_id]
        return states[-1] if states else None

    async def visible_since(self, scope: RowScope, ids: Sequence[str], since: int) -> Collection[str]:
        """Return those of the rows that had a visible state from the one at `since` on."""
        await self.pause()
        first = [self.state_at(row_id, since) for row_id in ids]
        later = [row for row in self.states[since:] if row["id"] in ids]
        is_allowed = to_predicate(scope.rule)
        return {row["id"] for row in (*first, *later) if row and not row["_gone"] and is_allowed(row)}


class _Results:
    """The part of a driver's cursor that the tail of a view uses."""

    def __init__(self, notes: MemoryNotes, bounds: Mapping[str, int]) -> None:
        self._notes = notes
        self._bounds = bounds
        self._limit = 0

    def sort(self, _keys: object) -> _Results:
        return self

    def limit(self, limit: int) -> _Results:
        self._limit = limit
        return self

    async def to_list(self, _length: None) -> list[Row]:
        rows: list[Row] = []
        async for row in self._notes.scan(Place(self._bounds["$gt"])):
            if row["_position"] > self._bounds.get("$lte", row["_position"]):
                break
            rows.append(row)
            if len(rows) == self._limit:
                break
        return rows


class MemoryReader:
    """What live views use of a `ViewReader` and of its `ViewLocator`, over rows in memory."""

    view = view
    edition = 1
    edition_since = 0

    def __init__(self, notes: MemoryNotes) -> None:
        self._notes = notes

    def listen(self) -> TopicListener:
        listener = TopicListener()
        self._notes.listeners.append(listener)
        return listener

    async def position(self) -> int:
        await self._notes.pause()
        checkpoint = self._notes.checkpoint
        await self._notes.pause()
        return checkpoint

    async def reached(self) -> tuple[MemoryReader, int]:
        return self, await self.position()

    def find(self, query: Mapping[str, Mapping[str, int]]) -> _Results:
        return _Results(self._notes, query["_position"])

    def filled(self, _stored: object, rows: list[Row]) -> list[Row]:
        return rows

    async def wait_for(self, position: int, _within: float) -> None:
        await self._notes.reach(position)

    async def stored_rows(self, keys: Sequence[str]) -> list[Row]:
        await self._notes.pause()
        return [row for row in self._notes.rows.values() if row["_id"] in keys]

    async def changed_since(self, _tenant: str, position: int, limit: int) -> list[Row]:
        return [row async for row in self._notes.scan(Place(position - 1))][:limit]

    async def matching(
        self, scope: RowScope, filter: Filter, position: int | None = None, limit: int | None = None
    ) -> list[Row]:
        await self._notes.pause()
        matches = to_predicate(scope.restrict(filter))
        rows = [row for row in self._notes.rows.values() if not row["_gone"] and matches(row)]
        created = [row for row in rows if position is None or row["_created"] <= position]
        return sorted(created, key=place, reverse=True)[:limit]

    async def places(self, scope: RowScope, filter: Filter) -> list[tuple[str, Place]]:
        return [(row["id"], place(row)) for row in await self.matching(scope, filter)]


def open_live_view(notes: MemoryNotes, limits: ReadLimits, batch_size: int = BATCH_SIZE) -> LiveView:
    """Open a live view as one server of the deployment has it. Its tail reads so many rows at once."""
    reader = cast(Any, MemoryReader(notes))
    tail = ViewTail(reader, NEVER)
    vars(tail)["_batch_size"] = batch_size

    async def read_head() -> int:
        await notes.pause()
        return notes.head

    return LiveView(reader, tail, read_head, notes.visible_since, read_limits=limits)
