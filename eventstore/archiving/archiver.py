"""Moving old commits to segments. Nothing else changes stored documents, and no content is lost."""

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

SEGMENT_COMMITS = 10_000
"""Most commits of one segment."""

SEGMENT_BYTES = 8_000_000
"""Largest unpacked segment, except for a single larger commit."""


class ArchiveProgress(NamedTuple):
    """The progress of a run up to position `upto`: `segment` is done."""

    segment: Segment
    upto: int


class Archiver:
    """Archives ranges of one log, each in three steps, all of which can be repeated.

    First the segment is stored, read back and compared. Then its manifest is stored in the database. Then its
    commits become stubs. A run that was killed leaves at most one segment whose commits are not all stubs
    yet: the last one, with which the next run begins. Of several archivers at once, one wins each segment.

    `database` is the log's, opened for a MongoDB user that may update the log.
    """

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        clock: Clock,
        *,
        commits: int = SEGMENT_COMMITS,
        size: int = SEGMENT_BYTES,
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
        """Archive all up to position `upto`, which must be settled; return the number of new segments.

        Without `partly` it makes full segments only. Raises Unavailable where MongoDB or the store does not
        answer, and ConfigurationError where the user may not update the log; a later run continues.
        """
        last, made = await self._last(), 0
        if last is not None and await self._has_whole_commits(last):
            await self._archive.prove(last)
            await self._to_stubs(last)
        while documents := await self._documents(last.last + 1 if last else 1, upto, partly=partly):
            if last is not None and not made:
                # With another archive_url the log would be spread over two archives.
                await self._archive.prove(last)
            number, first = (last.number + 1, last.last + 1) if last else (1, 1)
            last = await self._archive_segment(number, first, documents)
            made += 1
            progress(ArchiveProgress(last, upto))
        return made

    async def _last(self) -> Segment | None:
        with unavailable_if_down():
            documents = await self._segments.find().sort([("_id", -1)]).limit(1).to_list(None)
        return Segment.from_document(documents[0]) if documents else None

    async def _documents(self, first: int, upto: int, *, partly: bool) -> list[bytes]:
        """Return the documents of the next segment; none where it would not be full."""
        documents: list[bytes] = []
        size = 0
        async with aclosing(stored_pages(self._log, first, upto)) as pages:
            async for page in pages:
                for document in page:
                    position = first + len(documents)
                    if position_of(document) != position:
                        raise Unavailable(
                            f"the log has no document at position {position}; see `nerve verify`"
                        )
                    size += len(document)
                    if documents and (len(documents) == self._commits or size > self._size):
                        return documents
                    documents.append(document)
        return documents if partly or len(documents) == self._commits else []

    async def _archive_segment(self, number: int, first: int, documents: Sequence[bytes]) -> Segment:
        """Make the segment of this number, or finish the one that another archiver has made meanwhile."""
        segment = await self._existing(number) or await self._make(number, first, documents)
        await self._to_stubs(segment)
        return segment

    async def _make(self, number: int, first: int, documents: Sequence[bytes]) -> Segment:
        if any(segment_of(document) is not None for document in documents):
            raise SegmentUnreadable(number, "unknown", "the log has its stubs, but not its manifest")
        content = b"".join(documents)
        segment, packed = await asyncio.to_thread(
            pack, self._name, number, first, len(documents), content, self._clock()
        )
        await self._store.put(segment.name, packed)
        unpacked = await self._archive.prove(segment)
        if unpacked.content != content:
            raise SegmentUnreadable(number, segment.name, "the store returned other bytes than were written")
        try:
            with unavailable_if_down():
                await self._segments.insert_one(segment.to_document())
        except DuplicateKeyError:
            existing = await self._existing(number)
            assert existing is not None
            return existing
        return segment

    async def _existing(self, number: int) -> Segment | None:
        """Return the segment of this number if another archiver has made it, after checking it again."""
        with unavailable_if_down():
            stored = await self._segments.find_one({"_id": number})
        if stored is None:
            return None
        segment = Segment.from_document(stored)
        await self._archive.prove(segment)
        return segment

    async def _has_whole_commits(self, segment: Segment) -> bool:
        with unavailable_if_down():
            return await self._log.find_one(_whole_commits(segment), {"_id": 1}) is not None

    async def _to_stubs(self, segment: Segment) -> None:
        """Remove from the log what guards and searches do not need, and the segment has."""
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
                "this MongoDB user may not update the log; set maintenance_url to one that may"
            ) from None


def _whole_commits(segment: Segment) -> dict[str, Any]:
    """Return the filter for the commits of a segment that are not stubs yet; tombstones stay as they are."""
    return {
        "_id": {"$gte": segment.first, "$lte": segment.last},
        "events": {"$exists": True},
        "archived": {"$exists": False},
    }
