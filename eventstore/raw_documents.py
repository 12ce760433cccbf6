"""The log's documents as raw bytes, as archiving and verification need them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from struct import Struct

from bson.raw_bson import RawBSONDocument

from eventstore.commit_documents import POSITION_ELEMENT
from eventstore.mongo.driver import Collection, unavailable_if_down

_SIZE = Struct("<i")
_LONG = Struct("<q")
_SMALL_POSITION_ELEMENT = b"\x10_id\0"


async def stored_pages(log: Collection, first: int, last: int) -> AsyncGenerator[Sequence[bytes], None]:
    """Yield the documents from position `first` to `last`, in order, in the batches of the server.

    A batch has at most 16 MiB, or one document. Raises Unavailable.
    """
    query = {"_id": {"$gte": first, "$lte": last}}
    with unavailable_if_down():
        async for batch in log.find_raw_batches(query).sort([("_id", 1)]):
            yield list(_split(batch))


def _split(batch: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(batch):
        (size,) = _SIZE.unpack_from(batch, start)
        yield batch[start : start + size]
        start += size


def position_of(document: bytes) -> int | None:
    """Return the position of a stored document, or None where its `_id` is not a position.

    MongoDB stores `_id` first, as the 32-bit or 64-bit integer that was written.
    """
    behind = 4 + len(POSITION_ELEMENT)
    element = document[4:behind]
    if element == POSITION_ELEMENT:
        return int(_LONG.unpack_from(document, behind)[0])
    if element == _SMALL_POSITION_ELEMENT:
        return int(_SIZE.unpack_from(document, behind)[0])
    return None


def segment_of(document: bytes) -> int | None:
    """Return the number of the segment that has the commit of a stub; None for another document."""
    if b"archived\0" not in document:
        return None
    number: int | None = RawBSONDocument(document).get("archived")
    return number
