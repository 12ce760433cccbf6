"""Erasing a tenant: its commits become tombstones, and its keys, snapshots and claims are deleted.

A tombstone keeps the position and the record time of the commit, and nothing of the tenant, so all readers go
on as before. The digest of a sealed block is that of the original commits, and stays: it chains the blocks,
and earlier seals have it. The block gets a second digest, of its documents as they are now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pymongo import ReplaceOne

from domain.kernel.errors import InvariantViolated
from domain.kernel.names import quantity
from eventstore.archiving.archive import Archive
from eventstore.commit_documents import tombstone
from eventstore.integrity.blocks import BlockDigest, block_of, first_of, last_of, to_block
from eventstore.mongo.driver import Database, Document, unavailable_if_down

BATCH = 1_000
"""Commits that are replaced at once."""

NOTE = "tenant_erasure"
"""The note of an erasure that has begun, with the blocks that it changes."""


class ErasedParts(NamedTuple):
    """What was erased of a tenant in the log's own collections."""

    commits: int
    keys: int
    snapshots: int


class TenantEraser:
    """Erases tenants from one log; `database` is opened for a MongoDB user that may update the log."""

    def __init__(self, database: Database, archive: Archive) -> None:
        self._log = database["log"]
        self._blocks = database["blocks"]
        self._meta = database["meta"]
        self._keys = database["keys"]
        self._snapshots = database["snapshots"]
        self._claims = database["claims"]
        self._archive = archive

    async def run(
        self, tenant: str, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> ErasedParts:
        """Erase all that the log has of the tenant; `progress` gets the commits that are done, and of all.

        An erasure that was interrupted is continued by the next run for the same tenant. Raises
        InvariantViolated, before anything is changed, if commits of the tenant are archived, if a block of
        theirs does not have its digest, or if the erasure of another tenant was interrupted.
        """
        with unavailable_if_down():
            await self._require_not_archived(tenant)
            positions = [each["_id"] async for each in self._log.find({"tenant": tenant}, {"_id": 1})]
            blocks = await self._begin(tenant, sorted({block_of(position) for position in positions}))
            keys = (await self._keys.delete_many(_owned_by(tenant))).deleted_count
            await self._replace(tenant, positions, progress)
            for number in blocks:
                await self._seal_again(number)
            snapshots = (await self._snapshots.delete_many(_owned_by(tenant))).deleted_count
            await self._claims.delete_many(_owned_by(tenant))
            await self._meta.delete_one({"_id": NOTE})
        return ErasedParts(len(positions), keys, snapshots)

    async def _require_not_archived(self, tenant: str) -> None:
        archived = await self._log.count_documents({"tenant": tenant, "archived": {"$exists": True}})
        if archived:
            raise InvariantViolated(
                f"the archive has {quantity(archived, 'commit')} of {tenant!r}, and its segments are never "
                "rewritten; nothing was erased. Its personal data can be erased, with `nerve erase`"
            )

    async def _begin(self, tenant: str, blocks: Sequence[int]) -> Sequence[int]:
        """Note which blocks are going to change, and return them with those of an interrupted run."""
        note = await self._meta.find_one({"_id": NOTE})
        if note is not None and note["tenant"] != tenant:
            raise InvariantViolated(
                f"the erasure of {note['tenant']!r} was interrupted; run `nerve tenants erase` for it first"
            )
        begun = set(note["blocks"]) if note else set()
        for number in set(blocks) - begun:
            await self._require_sound(number)
        changed = sorted(begun.union(blocks))
        document = {"tenant": tenant, "blocks": changed}
        await self._meta.update_one({"_id": NOTE}, {"$set": document}, upsert=True)
        return changed

    async def _require_sound(self, number: int) -> None:
        """Raise InvariantViolated if a sealed block was tampered with: the new digest would hide that."""
        stored = await self._blocks.find_one({"_id": number})
        if stored is not None and await self._digest(stored) != to_block(stored).proof:
            raise InvariantViolated(
                f"block {number} of the log does not have its digest, so nothing was erased; see "
                "`nerve verify`"
            )

    async def _replace(
        self, tenant: str, positions: Sequence[int], progress: Callable[[int, int], None]
    ) -> None:
        for start in range(0, len(positions), BATCH):
            batch = positions[start : start + BATCH]
            commits = self._log.find({"_id": {"$in": batch}, "tenant": tenant}, {"at": 1})
            writes = [
                ReplaceOne({"_id": commit["_id"], "tenant": tenant}, _erased(commit))
                for commit in await commits.to_list(None)
            ]
            if writes:
                await self._log.bulk_write(writes, ordered=False)
            progress(start + len(batch), len(positions))

    async def _seal_again(self, number: int) -> None:
        """Give a sealed block the digest of its documents as they are now."""
        stored = await self._blocks.find_one({"_id": number})
        if stored is not None:
            digest = await self._digest(stored)
            await self._blocks.update_one({"_id": number}, {"$set": {"erased": {"digest": digest}}})

    async def _digest(self, stored: Document) -> bytes:
        digest = BlockDigest(stored["previous"])
        number = stored["_id"]
        async for documents in self._archive.raw_pages(self._log, first_of(number), last_of(number)):
            digest.add(documents)
        return digest.value()


def _erased(commit: Document) -> Document:
    return {**tombstone(commit["_id"], commit["at"]), "erased": True}


def _owned_by(tenant: str) -> Document:
    """Return the filter for the documents whose `_id` begins with the tenant and a slash."""
    return {"_id": {"$gte": f"{tenant}/", "$lt": f"{tenant}0"}}
