"""Segments: the stored documents of one range of positions, compressed.

A decompressed segment is the documents' BSON, one after the other, as it was in the database; so ``zstd -d``
and ``bsondump`` read it too.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from struct import unpack_from

from domain.kernel.errors import SegmentUnreadable
from eventstore.archiving.zstd import CompressionParameter, compress, decompress
from eventstore.mongo.driver import Document
from eventstore.raw_documents import position_of

OPTIONS: dict[int, int] = {CompressionParameter.compression_level: 9, CompressionParameter.checksum_flag: 1}
"""A level, of up to 22, that is still much faster than reading the log."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The manifest of a segment, which has every position from `first` to `last`, tombstones too.

    `bytes` is its decompressed size, `stored_bytes` its stored size; `sha256` is that of the stored bytes.
    """

    number: int
    first: int
    last: int
    bytes: int
    stored_bytes: int
    sha256: str
    name: str
    at: datetime

    @property
    def count(self) -> int:
        """The number of documents."""
        return self.last - self.first + 1

    def to_document(self) -> Document:
        return {
            "_id": self.number,
            "first": self.first,
            "last": self.last,
            "count": self.count,
            "bytes": self.bytes,
            "stored_bytes": self.stored_bytes,
            "sha256": self.sha256,
            "name": self.name,
            "at": self.at,
        }

    @classmethod
    def from_document(cls, stored: Document) -> Segment:
        fields = {key: value for key, value in stored.items() if key not in ("_id", "count")}
        return cls(number=stored["_id"], **fields)


class UnpackedSegment:
    """The documents of a segment in memory."""

    def __init__(self, segment: Segment, content: bytes) -> None:
        self._segment = segment
        self.content = content
        self._starts = array("Q", _starts(content))

    @property
    def size(self) -> int:
        """The approximate size in memory, in bytes."""
        return len(self.content) + len(self._starts) * self._starts.itemsize

    def __len__(self) -> int:
        return len(self._starts) - 1

    def at(self, position: int) -> bytes:
        """Return the document of a position as it was stored; raises SegmentUnreadable without one."""
        index = position - self._segment.first
        if 0 <= index < len(self):
            document = self.content[self._starts[index] : self._starts[index + 1]]
            if position_of(document) == position:
                return document
        raise SegmentUnreadable(self._segment.number, self._segment.name, f"position {position} is not in it")


def pack(
    log: str, number: int, first: int, count: int, content: bytes, at: datetime
) -> tuple[Segment, bytes]:
    """Return the segment of `count` documents from position `first` on, and the bytes to store."""
    packed = compress(content, options=OPTIONS)
    digest, last = sha256(packed).hexdigest(), first + count - 1
    segment = Segment(
        number=number,
        first=first,
        last=last,
        bytes=len(content),
        stored_bytes=len(packed),
        sha256=digest,
        # The digest is part of the name, so that a segment is never replaced by another one.
        name=f"{log}/{number:08d}-{first}-{last}-{digest[:16]}.bson.zst",
        at=at,
    )
    return segment, packed


def unpack(segment: Segment, packed: bytes | None) -> UnpackedSegment:
    """Check and decompress a segment; raises SegmentUnreadable where a bit of it differs."""
    if packed is None:
        raise SegmentUnreadable(segment.number, segment.name, "it is missing")
    if sha256(packed).hexdigest() != segment.sha256:
        raise SegmentUnreadable(segment.number, segment.name, "it was changed: its sha256 differs")
    content = decompress(packed)
    unpacked = UnpackedSegment(segment, content)
    if len(unpacked) != segment.count:
        raise SegmentUnreadable(
            segment.number, segment.name, "it does not have the right number of documents"
        )
    return unpacked


def _starts(content: bytes) -> Iterator[int]:
    """Yield the offset of each document, and the end of the last one."""
    offset = 0
    while offset < len(content):
        yield offset
        offset += int(unpack_from("<i", content, offset)[0])
    yield offset
