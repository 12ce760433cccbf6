"""Telling rows anew: folding them again from the log, up to a position at which they are then written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32

from pymongo import ReplaceOne

from domain.builtin.deadletters.events import DeadLetterDropped
from eventstore.log import EventLog
from eventstore.mongo.driver import Collection, Document, Write, unavailable_if_down
from eventstore.place import Place
from eventstore.reading.event_query import EventQuery
from projections.folding.dead_letters import DeadLetters, Letter
from projections.folding.folding import RowFold
from projections.folding.parking import EventName, row_ids
from projections.kernel.view import View
from projections.storage.row_events import EVENTS_AT_ONCE, RowEvents
from projections.storage.rows import key_filter, row_key, write
from subscriptions.consumers.failures import Failure
from subscriptions.consumers.state import Partition

LAST_INDEX = 0xFFFE
"""The highest index of a row at one place."""


async def drops(log: EventLog, tenant: str, view: str, upto: int) -> Mapping[str | None, set[EventName]]:
    """What was dropped from the rows of a view up to a settled position, by the row's id.

    Under None is what was dropped while it was not known which rows it touches: it touches none. Raises
    Unavailable.
    """
    found: dict[str | None, set[EventName]] = defaultdict(set)
    query, position = EventQuery(types=[DeadLetterDropped.type]), 0
    while events := await log.search(tenant, query, position, EVENTS_AT_ONCE, before=upto + 1):
        for event in events:
            if event.data["view"] == view:
                found[event.data.get("row")].add(EventName(event.data["stream"], event.data["version"]))
        position = events[-1].position
    return found


class Refolder:
    """Tells rows of one view anew; those of `partition` alone are written by it."""

    def __init__(
        self, view: View[Any], rows: Collection, log: EventLog, letters: DeadLetters, partition: Partition
    ) -> None:
        self._view = view
        self._rows = rows
        self._log = log
        self._events = RowEvents(view, log)
        self._letters = letters
        self._partition = partition

    def owns(self, tenant: str, row: str) -> bool:
        """Whether the row of this id is its to write."""
        return self._partition.contains(row_key(tenant, row))

    async def again(self, tenant: str, rows: Mapping[str, Document | None], upto: int) -> dict[str, RowFold]:
        """The rows of these ids, of which what is stored is given, as the log up to `upto` tells them now.

        Those of which there never was anything are left out. An event of which it still cannot be told which
        rows it touches stays where it waits. Raises Unavailable.
        """
        if not rows:
            return {}
        dropped = await drops(self._log, tenant, self._view.name, upto)
        folds = {
            row: RowFold(self._view, _erasure(stored), dropped.get(row, ()), careful=True)
            for row, stored in rows.items()
        }
        async for event in self._events.of(tenant, list(rows), upto):
            ids = row_ids(self._view, event)
            if isinstance(ids, Failure) or (event.stream, event.version) in dropped.get(None, ()):
                continue
            for row in ids:
                if row in folds:
                    folds[row].take(row, event)
        return {row: fold for row, fold in folds.items() if rows[row] is not None or fold.begun}

    async def put(self, tenant: str, position: int, generation: int, folds: Mapping[str, RowFold]) -> None:
        """Write the rows at `position`, but those that another projector has brought beyond it.

        Raises Unavailable.
        """
        writes: list[Write] = []
        letters: list[Letter] = []
        keys = [row_key(tenant, row) for row in folds]
        for key, (row, fold) in zip(keys, folds.items(), strict=True):
            document = fold.document(tenant, row, Place(position, place_of(key)), generation)
            writes.append(ReplaceOne(key_filter(document, also_at=True), document, upsert=True))
            letters += fold.letters(key, None if tenant.startswith("/") else row, position)
        await self._letters.record(generation, letters)
        with unavailable_if_down():
            await write(self._rows, writes)
        await self.settle(tenant, generation, folds)

    async def settle(self, tenant: str, generation: int, rows: Iterable[str]) -> None:
        """Remove the letters of these rows whose events are parked in them no longer. Raises Unavailable."""
        await self._letters.settle(generation, self._rows, [row_key(tenant, row) for row in rows])


def place_of(key: str) -> int:
    """Where a row comes among those told anew at once: the same for every projector, and after a crash."""
    return crc32(key.encode()) % (LAST_INDEX + 1)


def _erasure(stored: Document | None) -> Document | None:
    """What is kept of a row that is told anew: where it was scrubbed, which its readers are still to see."""
    return {"_scrubbed": stored["_scrubbed"]} if stored and "_scrubbed" in stored else None
