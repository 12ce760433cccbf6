"""How far each durable consumer has come, in MongoDB."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from eventstore.mongo.driver import Database, time_limit, unavailable_if_down
from subscriptions.consumers.failures import Failure, update
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.consumers.state import CONSUMERS, PROJECTION, WHOLE, ConsumerState, Partition

RECORDING = 1.0
"""Seconds that it may take to record a failure, which may well be that MongoDB does not answer."""


class Checkpoint(NamedTuple):
    """All up to `position` is done in this generation, as far as it is the partition's work."""

    generation: int
    position: int
    partition: Partition = WHOLE


class Checkpoints:
    """The checkpoints of one database. Every method raises Unavailable where MongoDB does not answer."""

    def __init__(self, database: Database) -> None:
        self._consumers = database[CONSUMERS]

    async def save(self, lease: PartitionLease, position: int, events: int = 0) -> bool:
        """Move the checkpoint on, never back, and extend the lease; False where that is lost.

        What the partition failed at is over. `events` is how many there are between the last checkpoint and
        this one.
        """
        saved = f"${lease.path}.position"
        # Told again after an answer that was lost, they do not count again.
        counted = {"$cond": [{"$lt": [saved, position]}, events, 0]}
        total = {"$add": [{"$ifNull": [f"${lease.path}.events", 0]}, counted]}
        moved = lease.extension(position={"$max": [saved, position]}, events=total, failing="$$REMOVE")
        with unavailable_if_down():
            result = await self._consumers.update_one(lease.guard, moved)
        return result.matched_count == 1

    async def failed(self, lease: PartitionLease, failure: Failure) -> None:
        """Keep it with the partition that a try has failed, unless the lease is lost."""
        with unavailable_if_down(), time_limit(RECORDING):
            await self._consumers.update_one(lease.guard, update(lease.path, failure))

    async def state(self, consumer: str) -> ConsumerState:
        """How the consumer stands; without any generation where it never ran."""
        with unavailable_if_down():
            return ConsumerState.of(consumer, await self._consumers.find_one({"_id": consumer}, PROJECTION))

    async def states(self, consumers: Iterable[str] | None = None) -> dict[str, ConsumerState]:
        """How these consumers stand, or all that ever began, by their names."""
        names = None if consumers is None else list(consumers)
        wanted = {} if names is None else {"_id": {"$in": names}}
        with unavailable_if_down():
            stored = await self._consumers.find(wanted, PROJECTION).to_list(None)
        found = {one["_id"]: ConsumerState.of(one["_id"], one) for one in stored}
        return {**{name: ConsumerState.of(name, None) for name in names or ()}, **found}

    async def position(self, consumer: str) -> int:
        """The position up to which all is done, 0 where the consumer never ran."""
        return (await self.state(consumer)).position

    async def furthest(self) -> dict[str, int]:
        """The highest position that any part of a consumer has had, by its name."""
        states = await self.states()
        return {name: one.furthest for name, one in states.items() if one.generations}
