"""Sealed blocks: digests of runs of positions, each chained to the one before, so that tampering shows.

    {_id: 12, first: 11001, last: 12000, digest: <32 bytes>, previous: <the digest of block 11>}

A block some of whose commits were erased with their tenant also has ``erased: {digest: <32 bytes>}``, the
digest of its documents since then.

The digest is SHA-256 over `previous` and then the stored bytes of each document of the block, tombstones too,
in the order of their positions.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from eventstore.mongo.driver import Document

BLOCK_SIZE = 1_000
"""Positions in a block."""

GENESIS = bytes(32)
"""Stands for the previous digest in the first block."""


class Block(NamedTuple):
    """The seal of the positions `first` to `last`; `erased` is its digest since commits of it were erased."""

    number: int
    first: int
    last: int
    digest: bytes
    previous: bytes
    erased: bytes | None = None

    @property
    def proof(self) -> bytes:
        """The digest that its documents must have now."""
        return self.erased or self.digest

    def to_document(self) -> Document:
        return {
            "_id": self.number,
            "first": self.first,
            "last": self.last,
            "digest": self.digest,
            "previous": self.previous,
        }


def to_block(stored: Document) -> Block:
    """Decode a stored block."""
    erased = stored["erased"]["digest"] if "erased" in stored else None
    return Block(stored["_id"], stored["first"], stored["last"], stored["digest"], stored["previous"], erased)


def block_of(position: int) -> int:
    """Return the number of the block of a position, from 1."""
    return (position - 1) // BLOCK_SIZE + 1


def first_of(number: int) -> int:
    """Return the first position of a block."""
    return (number - 1) * BLOCK_SIZE + 1


def last_of(number: int) -> int:
    """Return the last position of a block."""
    return number * BLOCK_SIZE


class BlockDigest:
    """Computes the digest of a block, document by document."""

    def __init__(self, previous: bytes) -> None:
        self._hash = sha256(previous)

    def add(self, documents: Iterable[bytes]) -> None:
        """Add the next documents."""
        for document in documents:
            self._hash.update(document)

    def value(self) -> bytes:
        return self._hash.digest()
