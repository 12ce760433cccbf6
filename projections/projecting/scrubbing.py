"""Taking an erased subject out of a view: its rows are folded again from the log, where it reads null now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from zlib import crc32

from pymongo import ReplaceOne

from domain.kernel import RecordedEvent
from eventstore.driver import Collection, Document, Write, unavailable_if_down
from eventstore.log import EventLog
from eventstore.reading.query import EventQuery
from projections.projecting.dead_letters import DeadLetters, Letter
from projections.projecting.folding import RowFold
from projections.projecting.parking import Failure, dropped_in, row_ids
from projections.rows import write
from projections.view import View, by_stream
from subscriptions.messages import Place

ROWS_AT_ONCE = 500
EVENTS_AT_ONCE = 1_000

LAST_INDEX = 0xFFFE
"""The highest index of a row at one place."""


class Scrubber:
    """Scrubs the rows of one view.

    Every row that an event with data of the subject touched is written at the erasure's position, whatever it
    holds by now: so a slower projector that still has such an event in hand cannot write the row any more.
    """

    def __init__(self, view: View[Any], rows: Collection, log: EventLog, letters: DeadLetters) -> None:
        self._view = view
        self._rows = rows
        self._log = log
        self._letters = letters

    async def scrub(self, tenant: str, subjects: Sequence[str], position: int, generation: int) -> None:
        """Take those who were erased at `position` out of the rows of a generation.

        Their keys must be gone. Raises Unavailable, and what the view's functions raise.
        """
        holding = {"_tenant": tenant, "_subjects": {"$in": list(subjects)}}
        # Another projector may be beyond the erasure; it has scrubbed what it wrote.
        upto = {"_generation": generation, "_position": {"$lte": position}, "_scrubbed": {"$ne": position}}
        due: Document = {**holding, **upto}
        with unavailable_if_down():
            await self._rows.delete_many({**holding, "_generation": {"$lt": generation}})
            while stored := await self._rows.find(due).limit(ROWS_AT_ONCE).to_list(None):
                folds = await self._folds(tenant, set(subjects), position, stored)
                writes: list[Write] = []
                letters: list[Letter] = []
                for row in stored:
                    fold, place = folds[row["id"]], Place(position, place_of(row["_id"]))
                    fold.scrub(subjects, position)
                    document = fold.document(tenant, row["id"], place, generation)
                    writes.append(ReplaceOne({**due, "_id": row["_id"]}, document))
                    letters += fold.letters(row["_id"], row["id"], position)
                await self._letters.record(generation, letters)
                await write(self._rows, writes)
                await self._letters.settle(generation, self._rows, [row["_id"] for row in stored])

    async def _folds(
        self, tenant: str, subjects: set[str], position: int, stored: Sequence[Document]
    ) -> Mapping[str, RowFold]:
        """Each row without the subjects: as it is where they could never be read, else folded again."""
        folds = {row["id"]: RowFold(self._view, row) for row in stored}
        again = {
            row["id"]: RowFold(self._view, None, dropped_in(row))
            for row in stored
            if not subjects.isdisjoint(row["_open"])
        }
        if again:
            async for event in self._history(tenant, position, list(again)):
                ids = row_ids(self._view, event)
                for row_id in () if isinstance(ids, Failure) else ids:
                    if row_id in again:
                        again[row_id].take(row_id, event)
        return folds | again

    async def _history(self, tenant: str, upto: int, ids: Sequence[str]) -> AsyncIterator[RecordedEvent]:
        """All events up to a position that can touch these rows, in the order of the log for each row."""
        if self._view.key is not by_stream:
            async for event in self._scan(tenant, upto):
                yield event
            return
        for stream in ids:
            async for event in self._stream(tenant, stream, upto):
                yield event

    async def _stream(self, tenant: str, stream: str, upto: int) -> AsyncIterator[RecordedEvent]:
        version = 0
        while events := await self._log.stream(tenant, stream, version, EVENTS_AT_ONCE):
            for event in events:
                if event.position > upto:
                    return
                yield event
            version = events[-1].version

    async def _scan(self, tenant: str, upto: int) -> AsyncIterator[RecordedEvent]:
        query, position = EventQuery(categories=self._view.categories), 0
        while events := await self._log.search(tenant, query, position, EVENTS_AT_ONCE, before=upto + 1):
            for event in events:
                yield event
            position = events[-1].position


def place_of(key: str) -> int:
    """Where a row comes among those of one erasure: the same for every projector, and after a crash."""
    return crc32(key.encode()) % (LAST_INDEX + 1)
