"""The dead letters of views: one document for each event that is parked in a row, for operators to query.

    {_id: "<tenant>/<view>/<row>/<stream>@<version>/<generation>", tenant, view, generation, row, key, stream,
     version, type, position, error, detail, failures, tried, first_at, last_at}

The row's `_parked` is authoritative. A letter is recorded before its row is written, and deleted after it;
both can be repeated. `row` is None if the rows that the event touches cannot be determined; `key` is always
the `_id` of the row that the event is parked in. `failures` counts how often the event failed, the last time
for the commit at position `tried`. A letter contains no data of the event.
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
    """An event that could not be folded into the row `key`, last for the commit at position `tried`."""

    key: str
    row: str | None
    event: RecordedEvent
    failure: Failure
    tried: int

    def document(self, view: str, generation: int) -> Document:
        """Return the fields of the letter that do not depend on earlier failures."""
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
    """The dead letters of one view. Every method raises Unavailable if MongoDB does not answer."""

    def __init__(self, database: Database, view: str) -> None:
        self._letters = database[DEAD_LETTERS]
        self._view = view

    async def prepare(self, generation: int) -> None:
        """Create the index, and delete the letters of generations whose rows no longer exist."""
        with unavailable_if_down():
            await self._letters.create_index([("view", 1), ("generation", 1), ("key", 1)], name="rows")
            await self._letters.delete_many({"view": self._view, "generation": {"$lte": generation - SLOTS}})

    async def record(self, generation: int, letters: Sequence[Letter]) -> None:
        """Add the letters; add a failure to letters that exist and were not tried at this position yet."""
        if not letters:
            return
        first = letters[0]
        logger.warning(
            "view %s parked %d events; the first is %s at version %d of %s: %s: %s",
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
            update = _failure_update(document, letter.tried)
            writes.append(UpdateOne({"_id": document["_id"]}, update, upsert=True))
        with unavailable_if_down():
            await self._letters.bulk_write(writes, ordered=False)

    async def settle(self, generation: int, rows: Collection, keys: Keys[str]) -> None:
        """Delete the letters of these rows whose events are no longer parked in them."""
        of_rows = {"view": self._view, "generation": generation, "key": {"$in": list(keys)}}
        with unavailable_if_down():
            letters = await self._letters.find(of_rows).to_list(None)
            if not letters:
                return
            stored = {"_id": {"$in": list(keys)}, "_generation": generation}
            parking_rows = await rows.find(stored, {"_parked": 1}).to_list(None)
            parked_names = {row["_id"]: {parked.name for parked in parked_in(row)} for row in parking_rows}
            settled = [
                letter["_id"]
                for letter in letters
                if EventName(letter["stream"], letter["version"]) not in parked_names.get(letter["key"], ())
            ]
            if settled:
                await self._letters.delete_many({"_id": {"$in": settled}})


def _failure_update(document: Document, tried: int) -> list[dict[str, Any]]:
    """Return the update that counts and dates the failure by the server's clock, once for each `tried`."""
    is_new = {"$lt": [{"$ifNull": ["$tried", 0]}, tried]}
    constants = {name: {"$literal": value} for name, value in document.items() if name != "_id"}
    counters = {
        "failures": {"$add": [{"$ifNull": ["$failures", 0]}, {"$cond": [is_new, 1, 0]}]},
        "tried": {"$max": ["$tried", tried]},
        "first_at": {"$ifNull": ["$first_at", "$$NOW"]},
        "last_at": {"$cond": [is_new, "$$NOW", "$last_at"]},
    }
    return [{"$set": {**constants, **counters}}]
