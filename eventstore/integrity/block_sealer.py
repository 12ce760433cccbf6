"""Sealing blocks in the background."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing

from pymongo.errors import DuplicateKeyError

from eventstore.archiving.archive import Archive
from eventstore.integrity.blocks import GENESIS, Block, BlockDigest, first_of, last_of, to_block
from eventstore.mongo.driver import Collection, Document, unavailable_if_down
from eventstore.mongo.log_collections import LogCollections

logger = logging.getLogger(__name__)


class BlockSealer:
    """Seals one block after the other; several sealers at once do no harm."""

    def __init__(self, collections: LogCollections, archive: Archive) -> None:
        self._log = collections.log
        self._blocks = collections.blocks
        self._archive = archive

    async def seal_next(self) -> Block | None:
        """Seal and return the next block, or None while one of its positions is open. Raises Unavailable."""
        with unavailable_if_down():
            before = await last_block(self._blocks)
            number, previous = (before.number + 1, before.digest) if before else (1, GENESIS)
            if await self._log.find_one({"_id": last_of(number)}, {"_id": 1}) is None:
                return None
            digest = await self._digest(number, previous)
            if digest is None:
                return None
            block = Block(number, first_of(number), last_of(number), digest, previous)
            await self._insert(block)
            return block

    async def _digest(self, number: int, previous: bytes) -> bytes | None:
        """Return the digest of a block, or None where a position of it is missing."""
        digest, count = BlockDigest(previous), 0
        async with aclosing(self._archive.raw_pages(self._log, first_of(number), last_of(number))) as pages:
            async for documents in pages:
                # In a thread, since a page may have many megabytes.
                await asyncio.to_thread(digest.add, documents)
                count += len(documents)
        return digest.value() if count == last_of(number) - first_of(number) + 1 else None

    async def _insert(self, block: Block) -> None:
        try:
            await self._blocks.insert_one(block.to_document())
        except DuplicateKeyError:
            stored = await self._blocks.find_one({"_id": block.number})
            if stored is None or ("erased" not in stored and stored != block.to_document()):
                logger.error(
                    "block %d of the log was sealed with another digest than its commits have now;"
                    " `nerve verify` shows what changed",
                    block.number,
                )


async def last_block(blocks: Collection) -> Block | None:
    """Return the block that was sealed last. Raises what the driver raises."""
    stored: Document | None = await blocks.find_one({}, sort=[("_id", -1)])
    return None if stored is None else to_block(stored)
