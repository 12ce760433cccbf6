"""A lease that another process takes, as after a stall of its owner."""

from __future__ import annotations

from eventstore.mongo.driver import Database
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.consumers.state import CONSUMERS, PartitionState


async def steal(
    database: Database, consumer: str, generation: int, seen: PartitionState, term: float, code: str = ""
) -> PartitionLease | None:
    """Take a partition though its owner has the lease, as if that had ended while the owner stood still.

    Return None if another process has taken it since it was seen.
    """
    lease = PartitionLease.next(consumer, generation, seen, term)
    taken = lease.taking("the thief", code={"$literal": code}, successor="$$REMOVE")
    result = await database[CONSUMERS].update_one(lease.predecessor.guard, taken)
    return lease if result.matched_count else None
