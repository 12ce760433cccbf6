"""Verifying sealed blocks against their documents, and against each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from eventstore.integrity.block_sealer import last_block
from eventstore.integrity.blocks import GENESIS, Block, BlockDigest, block_of, first_of, last_of, to_block
from eventstore.mongo.driver import Collection

CHANGED = "a document at positions {} to {} was changed, removed or added: their digest differs"


class BlockVerifier:
    """Verifies the chain from the block that begins at position `start` to the log's `head`.

    `on_defect` gets the number of a block, and what is wrong with it. `checked` counts sealed blocks;
    `unsealed` is the number of the first block at the end that is not sealed yet.
    """

    def __init__(
        self, blocks: Collection, start: int, head: int, on_defect: Callable[[int, str], None]
    ) -> None:
        self._blocks = blocks
        self._head = head
        self._on_defect = on_defect
        self._number = block_of(start) - 1
        self._block: Block | None = None
        self._digest: BlockDigest | None = None
        self.checked = 0
        self.unsealed: int | None = None

    async def take(self, position: int, document: bytes | None) -> None:
        """Add the document of the next position that has one; None for a document that cannot be read."""
        while block_of(position) > self._number:
            await self._next()
        if document is None:
            self._digest = None
        elif self._digest is not None:
            self._digest.add((document,))

    async def end(self, expected: Mapping[int, bytes]) -> Block | None:
        """Verify the rest after the last document; return the block that was sealed last, if there is one.

        `expected` are digests by block number. Raises what the driver raises.
        """
        while self._number < block_of(self._head):
            await self._next()
        self._compare()
        last = await last_block(self._blocks)
        if last is not None and last.number > self._number:
            what = f"it is sealed up to position {last.last}, but the log ends at {self._head}"
            self._on_defect(last.number, what)
        for number, digest in expected.items():
            stored = await self._blocks.find_one({"_id": number})
            if stored is None or stored.get("digest") != digest:
                self._on_defect(number, "its digest is not the expected one")
        return last

    async def _next(self) -> None:
        self._compare()
        before = self._block or await self._stored(self._number)
        self._number += 1
        self._block = await self._stored(self._number)
        self._digest = None
        if self._block is None:
            self.unsealed = self.unsealed or self._number
            return
        self.checked += 1
        if self.unsealed is not None:
            self._on_defect(self.unsealed, f"it is missing, although block {self._number} is sealed")
            self.unsealed = None
        previous = GENESIS if self._number == 1 else None if before is None else before.digest
        if previous is not None and self._block.previous != previous:
            self._on_defect(
                self._number, "it does not continue the block before it: one of the two was replaced"
            )
        self._digest = BlockDigest(self._block.previous)

    async def _stored(self, number: int) -> Block | None:
        stored = await self._blocks.find_one({"_id": number})
        if stored is None:
            return None
        try:
            block = to_block(stored)
        except KeyError:
            block = None
        if (
            block is None
            or not isinstance(block.previous, bytes)
            or (block.first, block.last) != (first_of(number), last_of(number))
        ):
            self._on_defect(number, "its document is not that of a block")
            return None
        return block

    def _compare(self) -> None:
        block = self._block
        if block is None or self._digest is None:
            return
        if block.last > self._head:
            what = f"it is sealed up to position {block.last}, but the log ends at {self._head}"
            self._on_defect(block.number, what)
        elif self._digest.value() != block.proof:
            self._on_defect(block.number, CHANGED.format(block.first, block.last))
