"""The index of what is parked, for people: one document for each event that waits in a row of a view.

    {_id: "<tenant>/<view>/<row>/<stream>@<version>/<generation>", tenant, view, generation, row, key, stream,
     version, type, position, error, detail, failures, tried, first_at, last_at}

What counts is the row: its `_parked`. A letter is recorded before its row is written, and taken out after it;
both can be done again. `row` is None where it cannot be told which rows the event touches; `key` is the `_id`
of the row that holds it in any case. `failures` counts how often it failed, the last time for the commit at
position `tried`. Nothing here is data of the event.
"""

from __future__ import annotations

import logging
from collections.abc import Collection as Keys
from collections.abc import Sequence
from typing import Any, NamedTuple

from pymongo import UpdateOne

from domain.kernel import RecordedEvent
from eventstore.mongo.driver import Collection, Database, Document, Write, unavailable_if_down
from projections.folding.parking import EventName, letter_id, parked_in
from projections.storage.rows import SLOTS
from subscriptions.consumers.failures import Failure

logger = logging.getLogger(__name__)

DEAD_LETTERS = "dead_letters"
"""The collection's name."""


class Letter(NamedTuple):
    """An event that failed, in the row `key`; when it was tried for the commit at position `tried`."""

    key: str
    row: str | None
    event: RecordedEvent
    failure: Failure
    tried: int

    def document(self, view: str, generation: int) -> Document:
        """What is known of it at once."""
        event = self.event
        letter = letter_id(view, self.row, EventName(event.stream, event.version))
        return {
            "_id": f"{event.commit.tenant}/{letter}/{generation}",
            "tenant": event.commit.tenant,
            "view": view,
            "generation": generation,
            "row": self.row,
            "key": self.key,
            "stream": event.stream,
            "version": event.version,
            "type": event.type,
            "position": event.position,
            **self.failure._asdict(),
        }


class DeadLetters:
    """The letters of one view. Every method raises Unavailable where MongoDB does not answer."""

    def __init__(self, database: Database, view: str) -> None:
        self._letters = database[DEAD_LETTERS]
        self._view = view

    async def prepare(self, generation: int) -> None:
        """Create the index, and forget those of generations whose rows are gone."""
        with unavailable_if_down():
            await self._letters.create_index([("view", 1), ("generation", 1), ("key", 1)], name="rows")
            await self._letters.delete_many({"view": self._view, "generation": {"$lte": generation - SLOTS}})

    async def record(self, generation: int, letters: Sequence[Letter]) -> None:
        """Add the letters, or another failure to those that are there and were not tried for it yet."""
        if not letters:
            return
        first = letters[0]
        logger.warning(
            "the view %s parks %d events; the first: %s at version %d of %s, %s: %s",
            self._view,
            len(letters),
            first.event.type,
            first.event.version,
            first.event.stream,
            *first.failure,
        )
        writes: list[Write] = []
        for letter in letters:
            document = letter.document(self._view, generation)
            writes.append(UpdateOne({"_id": document["_id"]}, _failed(document, letter.tried), upsert=True))
        with unavailable_if_down():
            await self._letters.bulk_write(writes, ordered=False)

    async def settle(self, generation: int, rows: Collection, keys: Keys[str]) -> None:
        """Take out the letters of these rows that wait in them no more."""
        mine = {"view": self._view, "generation": generation, "key": {"$in": list(keys)}}
        with unavailable_if_down():
            letters = await self._letters.find(mine).to_list(None)
            if not letters:
                return
            stored = {"_id": {"$in": list(keys)}, "_generation": generation}
            found = await rows.find(stored, {"_parked": 1}).to_list(None)
            waiting = {row["_id"]: {parked.name for parked in parked_in(row)} for row in found}
            over = [
                letter["_id"]
                for letter in letters
                if EventName(letter["stream"], letter["version"]) not in waiting.get(letter["key"], ())
            ]
            if over:
                await self._letters.delete_many({"_id": {"$in": over}})


def _failed(document: Document, tried: int) -> list[dict[str, Any]]:
    """Counts and dates the failure by the server's clock, once for each position it was tried for."""
    again = {"$lt": [{"$ifNull": ["$tried", 0]}, tried]}
    known = {name: {"$literal": value} for name, value in document.items() if name != "_id"}
    counted = {
        "failures": {"$add": [{"$ifNull": ["$failures", 0]}, {"$cond": [again, 1, 0]}]},
        "tried": {"$max": ["$tried", tried]},
        "first_at": {"$ifNull": ["$first_at", "$$NOW"]},
        "last_at": {"$cond": [again, "$$NOW", "$last_at"]},
    }
    return [{"$set": {**known, **counted}}]
