"""The leases of partitions: which process works on which partition of a consumer.

That every event counts once does not rest on leases, but on the guard of each write that a handler makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eventstore.mongo.driver import Database, unavailable_if_down
from eventstore.mongo.lease import Lease
from subscriptions.consumers.state import (
    CONSUMERS,
    ConsumerState,
    Partition,
    PartitionKey,
    PartitionState,
    partition_path,
)


@dataclass(frozen=True, slots=True)
class PartitionLease(Lease):
    """The right to move the checkpoint of a partition of a consumer's generation."""

    generation: int
    partition: Partition

    @classmethod
    def next(cls, consumer: str, generation: int, seen: PartitionState, term: float) -> PartitionLease:
        """The lease that follows the one that the partition was seen with."""
        path = partition_path(generation, seen.partition.number)
        return cls(consumer, path, seen.epoch + 1, term, generation, seen.partition)

    @property
    def consumer(self) -> str:
        """The name of the consumer, which is the `_id` of its document."""
        return self.document


class PartitionLeases:
    """The leases of one owner, a name that no other process has. Every method raises Unavailable.

    `term`, in seconds, is how long a lease lasts after its last write.
    """

    def __init__(self, database: Database, owner: str, term: float) -> None:
        self._consumers = database[CONSUMERS]
        self.owner = owner
        self.term = term

    async def take(
        self,
        consumer: str,
        generation: int,
        seen: PartitionState,
        *,
        code: str = "",
    ) -> tuple[PartitionLease, int] | None:
        """Take a free partition. Return the lease, and the position to continue from.

        `code` names the code that this owner works with. Return None if another process has taken the
        partition since it was seen, or has its lease. Guarded by the epoch that was seen, and by the end of
        the lease.
        """
        lease = PartitionLease.next(consumer, generation, seen, self.term)
        # Checked again by the server's clock: the lease may have been extended since it was seen.
        guard = {**lease.predecessor.guard, "$expr": lease.is_free}
        taken = lease.taking(self.owner, code={"$literal": code}, blocked="$$REMOVE", successor="$$REMOVE")
        with unavailable_if_down():
            stored = await self._consumers.find_one_and_update(guard, taken, return_document=True)
        if stored is None:
            return None
        partition = stored["generations"][str(generation)]["partitions"][str(seen.partition.number)]
        return lease, partition["position"]

    async def request(self, consumer: str, generation: int, seen: PartitionState) -> None:
        """Ask the owner of a partition to leave it to this process.

        Nothing changes if another process has asked before, or has taken the partition since it was seen.
        """
        lease = PartitionLease.next(consumer, generation, seen, self.term).predecessor
        successor = lease.field("successor")
        with unavailable_if_down():
            await self._consumers.update_one(
                {**lease.guard, successor: None}, {"$set": {successor: self.owner}}
            )

    async def withdraw(self, requests: Iterable[PartitionKey]) -> None:
        """Take back this process's requests for partitions; those of other processes stay."""
        with unavailable_if_down():
            for consumer, generation, number in requests:
                successor = f"{partition_path(generation, number)}.successor"
                await self._consumers.update_one(
                    {"_id": consumer, successor: self.owner}, {"$unset": {successor: ""}}
                )

    async def take_over(self, state: ConsumerState, number: int) -> list[PartitionLease] | None:
        """Take all partitions of a generation at once, whichever processes have their leases.

        From then on no process moves any of them until the leases end or are released: they stand still, and
        this owner does not work on them either. They are kept for no process that has asked for them before:
        it may have ended. Return None if a partition was taken since it was seen;
        guarded by the epochs of all of them.
        """
        seen = state.generations[number].partitions
        leases = [PartitionLease.next(state.consumer, number, partition, self.term) for partition in seen]
        guard: dict[str, Any] = {}
        taken: dict[str, Any] = {}
        for lease in leases:
            guard |= lease.predecessor.guard
            taken |= lease.taking(self.owner, code=None, blocked="$$REMOVE", successor="$$REMOVE")[0]["$set"]
        with unavailable_if_down():
            result = await self._consumers.update_one(guard, [{"$set": taken}])
        return leases if result.matched_count else None

    async def renew(self, lease: PartitionLease) -> bool:
        """Extend the lease; False if it is lost."""
        with unavailable_if_down():
            result = await self._consumers.update_one(lease.guard, lease.extension(blocked="$$REMOVE"))
        return result.matched_count == 1

    async def release(self, leases: Sequence[PartitionLease]) -> None:
        """Let other processes take these partitions at once; a lost lease stays lost."""
        with unavailable_if_down():
            for lease in leases:
                await self._consumers.update_one(lease.guard, lease.release("code"))
