"""Folding rows again from the log, and writing them at the position up to which they were folded."""

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
from projections.folding.dead_letter_documents import DeadLetters, Letter
from projections.folding.folding import RowFold
from projections.folding.parking import EventName, row_ids
from projections.kernel.view import View
from projections.storage.row_events import RowEvents
from projections.storage.rows import key_filter, row_key, write
from subscriptions.consumers.failures import Failure
from subscriptions.consumers.state import Partition

LAST_INDEX = 0xFFFE
"""The highest place index of a refolded row."""


async def dropped_events(
    log: EventLog, tenant: str, view: str, upto: int
) -> Mapping[str | None, set[EventName]]:
    """Return the events that were dropped from the rows of a view up to a settled position, by the row's id.

    Under None are events that were dropped while their rows were unknown: they touch no row. Raises
    Unavailable.
    """
    dropped: dict[str | None, set[EventName]] = defaultdict(set)
    query, position = EventQuery(types=[DeadLetterDropped.type]), 0
    while events := await log.search(tenant, query, position, log.options.search_page, before=upto + 1):
        for event in events:
            if event.data["view"] == view:
                dropped[event.data.get("row")].add(EventName(event.data["stream"], event.data["version"]))
        position = events[-1].position
    return dropped


class Refolder:
    """Folds rows of one view again, and writes those that belong to `partition`."""

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
        """Return whether the row of this id belongs to the partition."""
        return self._partition.contains(row_key(tenant, row))

    async def refold(self, tenant: str, rows: Mapping[str, Document | None], upto: int) -> dict[str, RowFold]:
        """Return the rows of these ids, folded from the log up to `upto`. `rows` maps ids to stored rows.

        Rows that never existed are left out. An event whose rows still cannot be determined stays parked.
        Raises Unavailable.
        """
        if not rows:
            return {}
        dropped = await dropped_events(self._log, tenant, self._view.name, upto)
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

    async def write(self, tenant: str, position: int, generation: int, folds: Mapping[str, RowFold]) -> None:
        """Write the rows at `position`, except those that another projector has written beyond it.

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
        """Remove the letters of these rows whose events are no longer parked in them. Raises Unavailable."""
        await self._letters.settle(generation, self._rows, [row_key(tenant, row) for row in rows])


def place_of(key: str) -> int:
    """Return the place index of a refolded row: the same in every projector, and after a crash."""
    return crc32(key.encode()) % (LAST_INDEX + 1)


def _erasure(stored: Document | None) -> Document | None:
    """Return what a refolded row keeps of its stored one: where it was scrubbed, for readers to notice."""
    return {"_scrubbed": stored["_scrubbed"]} if stored and "_scrubbed" in stored else None
