"""Segments: the stored documents of one range of positions, packed.

Unpacked, a segment is the documents' BSON, one after the other, as the database had them; so ``zstd -d`` and
``bsondump`` read it too.
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
"""Of the levels up to 22 one that is still far faster than the log is read."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What is known of a segment: every position from `first` to `last` is in it, tombstones too.

    `bytes` is its size unpacked, `stored_bytes` as it is stored; `sha256` is that of the stored bytes.
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
        """How many documents it holds."""
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
    """The documents of a segment in memory, decoded one by one when they are asked for."""

    def __init__(self, segment: Segment, content: bytes) -> None:
        self._segment = segment
        self.content = content
        self._starts = array("Q", _starts(content))

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return len(self.content) + len(self._starts) * self._starts.itemsize

    def __len__(self) -> int:
        return len(self._starts) - 1

    def at(self, position: int) -> bytes:
        """The document of a position as it was stored; raises SegmentUnreadable where that is not in it."""
        place = position - self._segment.first
        if 0 <= place < len(self):
            document = self.content[self._starts[place] : self._starts[place + 1]]
            if position_of(document) == position:
                return document
        raise SegmentUnreadable(self._segment.number, self._segment.name, f"position {position} is not in it")


def pack(
    log: str, number: int, first: int, count: int, content: bytes, at: datetime
) -> tuple[Segment, bytes]:
    """The `count` documents from position `first` on as a segment of the log, and the bytes to store."""
    packed = compress(content, options=OPTIONS)
    digest, last = sha256(packed).hexdigest(), first + count - 1
    segment = Segment(
        number=number,
        first=first,
        last=last,
        bytes=len(content),
        stored_bytes=len(packed),
        sha256=digest,
        # What it holds is part of the name, so that nothing is ever replaced by something else.
        name=f"{log}/{number:08d}-{first}-{last}-{digest[:16]}.bson.zst",
        at=at,
    )
    return segment, packed


def unpack(segment: Segment, packed: bytes | None) -> UnpackedSegment:
    """What was packed, checked; raises SegmentUnreadable where it is not that, to the last bit."""
    if packed is None:
        raise SegmentUnreadable(segment.number, segment.name, "it is missing")
    if sha256(packed).hexdigest() != segment.sha256:
        raise SegmentUnreadable(segment.number, segment.name, "it was changed: its sha256 is another one")
    content = decompress(packed)
    unpacked = UnpackedSegment(segment, content)
    if len(unpacked) != segment.count:
        raise SegmentUnreadable(segment.number, segment.name, "it does not hold the positions that it should")
    return unpacked


def _starts(content: bytes) -> Iterator[int]:
    """Where each document begins, and where the last one ends."""
    place = 0
    while place < len(content):
        yield place
        place += int(unpack_from("<i", content, place)[0])
    yield place
