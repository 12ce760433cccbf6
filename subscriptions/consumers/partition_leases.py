"""PartitionLeases: which process works on which partition, by the server's clock alone.

An owner that has lost its lease, by whatever stall of its own, has an old epoch: no write of its can move the
checkpoint any more. Exactness does not rest on that, but on the guard of each write that a handler makes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from eventstore.mongo.driver import Database, unavailable_if_down
from subscriptions.consumers.state import CONSUMERS, ConsumerState, Partition, PartitionState, path


class PartitionLease(NamedTuple):
    """The right to move on a partition of a consumer's generation, as long as nobody else has a higher epoch.

    Each write under it extends it by `term` seconds.
    """

    consumer: str
    generation: int
    partition: Partition
    epoch: int
    term: float

    @property
    def path(self) -> str:
        """Where its partition is in the consumer's document."""
        return path(self.generation, self.partition.number)

    @property
    def guard(self) -> dict[str, Any]:
        """Matches the document as long as nobody else has taken the partition."""
        return {"_id": self.consumer, f"{self.path}.epoch": self.epoch}

    def extension(self, **also: Any) -> list[Mapping[str, Any]]:
        """The update that extends it, and sets what else of the partition is given."""
        set_ = {"until": {"$add": ["$$NOW", round(self.term * 1000)]}, "at": "$$NOW", **also}
        return [{"$set": {f"{self.path}.{name}": value for name, value in set_.items()}}]


class PartitionLeases:
    """PartitionLeases of one owner, a name no other process has. Every method raises Unavailable.

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
        force: bool = False,
    ) -> tuple[PartitionLease, int] | None:
        """Take a partition that was seen so; the lease, and the position to go on from.

        `code` names the code that its holder works with. None where somebody has taken it since, or holds it:
        with `force` it is taken from whoever does. Guarded by the epoch that was seen, and without `force` by
        the end of the lease.
        """
        lease = PartitionLease(consumer, generation, seen.partition, seen.epoch + 1, self.term)
        guard = lease._replace(epoch=seen.epoch).guard
        if not force:
            # Again by the server's clock: it may have been extended since it was seen.
            guard["$expr"] = {"$lte": [f"${lease.path}.until", "$$NOW"]}
        with unavailable_if_down():
            stored = await self._consumers.find_one_and_update(
                guard,
                lease.extension(epoch=lease.epoch, owner={"$literal": self.owner}, code={"$literal": code}),
                return_document=True,
            )
        if stored is None:
            return None
        partition = stored["generations"][str(generation)]["partitions"][str(seen.partition.number)]
        return lease, partition["position"]

    async def take_over(self, state: ConsumerState, number: int) -> list[PartitionLease] | None:
        """Take all partitions of a generation at once from whoever holds them, as they were seen.

        From then on nobody moves any of them until the leases end, are released, or are taken by force: this
        is no way to work on them. None where somebody has taken one since; guarded by all epochs seen.
        """
        seen = state.generations[number].partitions
        leases = [
            PartitionLease(state.consumer, number, one.partition, one.epoch + 1, self.term) for one in seen
        ]
        guard: dict[str, Any] = {}
        taken: dict[str, Any] = {}
        for lease in leases:
            guard |= lease._replace(epoch=lease.epoch - 1).guard
            held = lease.extension(epoch=lease.epoch, owner={"$literal": self.owner}, code=None)
            taken |= held[0]["$set"]
        with unavailable_if_down():
            result = await self._consumers.update_one(guard, [{"$set": taken}])
        return leases if result.matched_count else None

    async def renew(self, lease: PartitionLease) -> bool:
        """Extend it. False where it is lost."""
        with unavailable_if_down():
            result = await self._consumers.update_one(lease.guard, lease.extension())
        return result.matched_count == 1

    async def release(self, leases: Sequence[PartitionLease]) -> None:
        """Let others take these partitions at once; what is lost already stays as it is."""
        with unavailable_if_down():
            for lease in leases:
                ended = {f"{lease.path}.{name}": "" for name in ("owner", "code", "until")}
                await self._consumers.update_one(lease.guard, {"$unset": ended})
