"""Moving old commits to segments: all that ever changes documents of the log, and never what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from pymongo.errors import DuplicateKeyError, OperationFailure

from domain.dispatch.ports import Clock
from domain.kernel.errors import ConfigurationError, SegmentUnreadable, Unavailable
from eventstore.archiving.archive import Archive
from eventstore.archiving.blobs import BlobStore
from eventstore.archiving.segments import Segment, pack
from eventstore.mongo.driver import UNAUTHORIZED, Database, unavailable_if_down
from eventstore.raw_documents import position_of, segment_of, stored_pages

COMMITS = 10_000
"""Commits of one segment at most."""

BYTES = 8_000_000
"""Unpacked size of a segment at most, but for a single commit that is larger."""


class ArchiveProgress(NamedTuple):
    """How far a run is: `segment` is done, and the run goes up to position `upto`."""

    segment: Segment
    upto: int


class Archiver:
    """Archives ranges of one log, each in three steps of which every one can be done again.

    The segment is stored, read back and compared; then its manifest makes it known; then its commits become
    stubs. A run that was killed leaves at most one segment whose commits are not all stubs yet, the last:
    the next run begins with it. Of several archivers at once one wins each segment, the others go on behind.

    `database` is the log's, for a user that may update it.
    """

    def __init__(
        self, database: Database, store: BlobStore, clock: Clock, *, commits: int = COMMITS, size: int = BYTES
    ) -> None:
        self._name = database.name
        self._log = database["log"]
        self._segments = database["segments"]
        self._store = store
        self._archive = Archive(self._segments, store)
        self._clock = clock
        self._commits = commits
        self._size = size

    async def run(
        self,
        upto: int,
        *,
        partly: bool = True,
        progress: Callable[[ArchiveProgress], None] = lambda archived: None,
    ) -> int:
        """Archive all up to position `upto`, which must be settled; how many segments were made.

        Without `partly` only segments that are full. Raises Unavailable where MongoDB or the store does not
        take part, ConfigurationError where the user may not update the log; then the next run goes on.
        """
        last, made = await self._last(), 0
        if last is not None and await self._holds_commits(last):
            await self._archive.prove(last)
            await self._to_stubs(last)
        while documents := await self._documents(last.last + 1 if last else 1, upto, partly=partly):
            if last is not None and not made:
                # With another archive_url the log would be spread over two archives.
                await self._archive.prove(last)
            number, first = (last.number + 1, last.last + 1) if last else (1, 1)
            last = await self._archived(number, first, documents)
            made += 1
            progress(ArchiveProgress(last, upto))
        return made

    async def _last(self) -> Segment | None:
        with unavailable_if_down():
            found = await self._segments.find().sort([("_id", -1)]).limit(1).to_list(None)
        return Segment.from_document(found[0]) if found else None

    async def _documents(self, first: int, upto: int, *, partly: bool) -> list[bytes]:
        """What the next segment is to hold; nothing where that would be too little."""
        found: list[bytes] = []
        size = 0
        async with aclosing(stored_pages(self._log, first, upto)) as pages:
            async for page in pages:
                for document in page:
                    if position_of(document) != first + len(found):
                        missing = first + len(found)
                        raise Unavailable(f"the log holds nothing at position {missing}; see `nerve verify`")
                    size += len(document)
                    if found and (len(found) == self._commits or size > self._size):
                        return found
                    found.append(document)
        return found if partly or len(found) == self._commits else []

    async def _archived(self, number: int, first: int, documents: Sequence[bytes]) -> Segment:
        """Make the segment of this number, or finish the one that another archiver has made meanwhile."""
        segment = await self._made(number) or await self._make(number, first, documents)
        await self._to_stubs(segment)
        return segment

    async def _make(self, number: int, first: int, documents: Sequence[bytes]) -> Segment:
        if any(segment_of(document) is not None for document in documents):
            raise SegmentUnreadable(number, "unknown", "the log has its stubs, and not its manifest")
        content = b"".join(documents)
        segment, packed = await asyncio.to_thread(
            pack, self._name, number, first, len(documents), content, self._clock()
        )
        await self._store.put(segment.name, packed)
        unpacked = await self._archive.prove(segment)
        if unpacked.content != content:
            raise SegmentUnreadable(number, segment.name, "it reads back as something else")
        try:
            with unavailable_if_down():
                await self._segments.insert_one(segment.to_document())
        except DuplicateKeyError:
            made = await self._made(number)
            assert made is not None
            return made
        return segment

    async def _made(self, number: int) -> Segment | None:
        """The segment of this number, if another archiver has made it; proven once more."""
        with unavailable_if_down():
            stored = await self._segments.find_one({"_id": number})
        if stored is None:
            return None
        segment = Segment.from_document(stored)
        await self._archive.prove(segment)
        return segment

    async def _holds_commits(self, segment: Segment) -> bool:
        with unavailable_if_down():
            return await self._log.find_one(_whole_commits(segment), {"_id": 1}) is not None

    async def _to_stubs(self, segment: Segment) -> None:
        """Take out of the log what the segment has, and the log does not need to guard and to be searched."""
        change = {
            "$set": {"archived": segment.number},
            "$unset": {"events.$[].data": "", "events.$[].sealed": ""},
        }
        try:
            with unavailable_if_down():
                await self._log.update_many(_whole_commits(segment), change)
        except OperationFailure as error:
            if error.code != UNAUTHORIZED:
                raise
            raise ConfigurationError(
                "this MongoDB user may not update the log; set maintenance_url to one who may"
            ) from None


def _whole_commits(segment: Segment) -> dict[str, Any]:
    """Finds the commits of a segment that are not stubs yet; tombstones stay as they are."""
    return {
        "_id": {"$gte": segment.first, "$lte": segment.last},
        "events": {"$exists": True},
        "archived": {"$exists": False},
    }
