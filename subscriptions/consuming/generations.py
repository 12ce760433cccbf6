"""The generations of a consumer: which there are, and which one counts.

Each change is decided on what was read, and made by one update that holds only while the document's
`revision` is still the one that was read; else it is decided again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import DuplicateKeyError

from eventstore.driver import Database, unavailable_if_down
from subscriptions.consuming.standing import CONSUMERS, READ, Standing, State


class Generations:
    """Generations of the consumers of one database. Every method raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._consumers = database[CONSUMERS]

    async def open(self, consumer: str, partitions: int = 1) -> Standing:
        """How the consumer stands; with a first active generation at position 0 where it has none."""
        while (standing := await self._read(consumer)).active is None:
            number = standing.last + 1
            fresh = _fresh(State.ACTIVE, partitions)
            await self._change(standing, {"active": number, "last": number, f"generations.{number}": fresh})
        return standing

    async def drop(self, consumer: str) -> Standing:
        """Forget all its generations: whoever runs it starts from zero, in a new one. How it stood before."""
        while (standing := await self._read(consumer)).generations:
            if await self._change(standing, {"generations": {}}, {"active": ""}):
                break
        return standing

    async def _read(self, consumer: str) -> Standing:
        with unavailable_if_down():
            return Standing.of(consumer, await self._consumers.find_one({"_id": consumer}, READ))

    async def _change(
        self, seen: Standing, set_: Mapping[str, Any], unset: Mapping[str, Any] | None = None
    ) -> bool:
        """Whether the change was made: the document was still as it was seen."""
        update = {"$set": set_, "$inc": {"revision": 1}, **({"$unset": unset} if unset else {})}
        guard = {"_id": seen.consumer, "revision": seen.revision}
        with unavailable_if_down():
            try:
                result = await self._consumers.update_one(guard, update, upsert=seen.revision == 0)
            except DuplicateKeyError:
                return False
        return bool(result.matched_count) or result.upserted_id is not None


def _fresh(state: State, partitions: int) -> dict[str, Any]:
    """A generation that nobody has worked on."""
    shares = {str(index): {"position": 0, "epoch": 0} for index in range(partitions)}
    return {"state": state, "partitions": shares}
