"""The checkpoints of durable consumers, in MongoDB."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from eventstore.mongo.driver import Database, time_limit, unavailable_if_down
from eventstore.mongo.grouped_updates import GroupedUpdates
from subscriptions.consumers.failures import Failure, failure_update
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.consumers.state import CONSUMERS, PROJECTION, WHOLE, ConsumerState, Partition

RECORD_TIMEOUT = 1.0
"""Seconds that recording a failure may take; the failure may well be that MongoDB does not answer."""


class Checkpoint(NamedTuple):
    """The position up to which a partition of a generation is done."""

    generation: int
    position: int
    partition: Partition = WHOLE


class Checkpoints:
    """The checkpoints of one database. Every method raises Unavailable if MongoDB does not answer.

    Consumers of one process that save at the same time share a write.
    """

    def __init__(self, database: Database) -> None:
        self._consumers = database[CONSUMERS]
        self._saves = GroupedUpdates(self._consumers)

    async def save(self, lease: PartitionLease, position: int, events: int = 0) -> bool:
        """Move the checkpoint forward, never back, and extend the lease; False if that is lost.

        The partition's failures and blocking call are cleared. `events` is the number of events since the
        last checkpoint.
        """
        saved = f"${lease.path}.position"
        # A save that is repeated, such as after its answer was lost, does not count the events again.
        counted = {"$cond": [{"$lt": [saved, position]}, events, 0]}
        total = {"$add": [{"$ifNull": [f"${lease.path}.events", 0]}, counted]}
        moved = lease.extension(
            position={"$max": [saved, position]}, events=total, failing="$$REMOVE", blocked="$$REMOVE"
        )
        with unavailable_if_down():
            return await self._saves.update(lease.guard, moved)

    async def failed(self, lease: PartitionLease, failure: Failure) -> None:
        """Record a failed attempt with the partition, unless the lease is lost."""
        with unavailable_if_down(), time_limit(RECORD_TIMEOUT):
            await self._consumers.update_one(lease.guard, failure_update(lease.path, failure))

    async def state(self, consumer: str) -> ConsumerState:
        """Return the state of the consumer; it has no generation if it has never run."""
        with unavailable_if_down():
            stored = await self._consumers.find_one({"_id": consumer}, PROJECTION)
        return ConsumerState.from_document(consumer, stored)

    async def states(self, consumers: Iterable[str] | None = None) -> dict[str, ConsumerState]:
        """Return the states of these consumers, or of all that have ever run, by their names."""
        names = None if consumers is None else list(consumers)
        query = {} if names is None else {"_id": {"$in": names}}
        with unavailable_if_down():
            stored = await self._consumers.find(query, PROJECTION).to_list(None)
        states = {name: ConsumerState.from_document(name, None) for name in names or ()}
        for document in stored:
            states[document["_id"]] = ConsumerState.from_document(document["_id"], document)
        return states

    async def position(self, consumer: str) -> int:
        """Return the position up to which the consumer is done, 0 if it has never run."""
        return (await self.state(consumer)).position

    async def furthest(self) -> dict[str, int]:
        """Return the highest position of any partition of each consumer, by its name."""
        states = await self.states()
        return {name: state.furthest for name, state in states.items() if state.generations}
