"""How far each durable consumer has come, in MongoDB."""

from __future__ import annotations

from typing import NamedTuple

from eventstore.driver import Database, unavailable_if_down

CHECKPOINTS = "checkpoints"
"""The collection's name."""


class Checkpoint(NamedTuple):
    """All up to `position` is done.

    `generation` grows with each new start from zero: who holds an older one works on what no longer counts.
    """

    generation: int
    position: int


class Checkpoints:
    """The checkpoints of one database. Every method raises Unavailable where MongoDB does not answer."""

    def __init__(self, database: Database) -> None:
        self._checkpoints = database[CHECKPOINTS]
        self._counters = database["counters"]

    async def open(self, consumer: str) -> Checkpoint:
        """The consumer's checkpoint; a new generation at position 0 where it has none."""
        with unavailable_if_down():
            stored = await self._checkpoints.find_one({"_id": consumer})
            if stored is None:
                fresh = {"generation": await self._next_generation(), "position": 0}
                stored = await self._checkpoints.find_one_and_update(
                    {"_id": consumer}, {"$setOnInsert": fresh}, upsert=True, return_document=True
                )
        assert stored is not None
        return Checkpoint(stored["generation"], stored["position"])

    async def save(self, consumer: str, checkpoint: Checkpoint) -> bool:
        """Move the checkpoint on, never back. False where its generation is over: open it again."""
        with unavailable_if_down():
            result = await self._checkpoints.update_one(
                {"_id": consumer, "generation": checkpoint.generation},
                {"$max": {"position": checkpoint.position}, "$currentDate": {"at": True}},
            )
        return result.matched_count == 1

    async def holds(self, consumer: str, generation: int) -> bool:
        """Whether `generation` is still the consumer's."""
        with unavailable_if_down():
            stored = await self._checkpoints.find_one({"_id": consumer})
        return stored is not None and stored["generation"] == generation

    async def position(self, consumer: str) -> int:
        """The position up to which all is done, 0 where the consumer never ran."""
        with unavailable_if_down():
            stored = await self._checkpoints.find_one({"_id": consumer})
        return 0 if stored is None else int(stored["position"])

    async def positions(self) -> dict[str, int]:
        """The position of every consumer that has begun, by its name."""
        with unavailable_if_down():
            stored = await self._checkpoints.find().to_list(None)
        return {consumer["_id"]: consumer["position"] for consumer in stored}

    async def remove(self, consumer: str) -> Checkpoint | None:
        """Make the consumer start from zero, soon if it runs; the checkpoint that it had."""
        with unavailable_if_down():
            stored = await self._checkpoints.find_one({"_id": consumer})
            if stored is None:
                return None
            await self._checkpoints.delete_one({"_id": consumer, "generation": stored["generation"]})
        return Checkpoint(stored["generation"], stored["position"])

    async def _next_generation(self) -> int:
        counter = await self._counters.find_one_and_update(
            {"_id": "generation"}, {"$inc": {"value": 1}}, upsert=True, return_document=True
        )
        assert counter is not None
        return int(counter["value"])
