"""Reading what was archived: the log keeps a stub of each commit, and its segment the commit whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from itertools import groupby

import bson

from domain.kernel.errors import SegmentUnreadable, Unavailable
from eventstore.archiving.blobs import BlobStore
from eventstore.archiving.segments import Segment, UnpackedSegment, unpack
from eventstore.lru import LruCache
from eventstore.mongo.driver import CODEC, Collection, Document, unavailable_if_down
from eventstore.raw_documents import position_of, segment_of, stored_pages

MEMORY = 64_000_000
"""Bytes of unpacked segments that a process keeps, those that were used last."""

FETCHES = 3
"""Segments that are fetched and unpacked at once."""


class Archive:
    """The archived part of one log.

    Without a store it can only say what is missing. Every method that reads raises Unavailable where MongoDB
    or the store does not answer, and SegmentUnreadable where a segment is not what was written.
    """

    def __init__(self, segments: Collection, store: BlobStore | None, memory: int = MEMORY) -> None:
        self._segments = segments
        self._store = store
        self._kept: LruCache[int, UnpackedSegment] = LruCache(memory, lambda unpacked: unpacked.size)
        self._fetching: dict[int, asyncio.Task[UnpackedSegment]] = {}
        self._places = asyncio.Semaphore(FETCHES)

    async def segments(self) -> list[Segment]:
        """All segments, in order."""
        with unavailable_if_down():
            found = await self._segments.find().sort([("_id", 1)]).to_list(None)
        return [Segment.from_document(document) for document in found]

    async def whole(self, documents: Sequence[Document]) -> list[Document]:
        """The documents of a page, with those that are stubs as they were before they were archived."""
        whole: list[Document] = []
        for number, run in groupby(documents, lambda document: document.get("archived")):
            if number is None:
                whole += run
            else:
                unpacked = await self._unpacked(number)
                whole += [bson.decode(unpacked.at(stub["_id"]), CODEC) for stub in run]
        return whole

    async def raw_pages(
        self, log: Collection, first: int, last: int
    ) -> AsyncGenerator[Sequence[bytes], None]:
        """The documents from `first` to `last` as they were when they were stored, in order, byte for byte.

        In pages of bounded size; a position that holds nothing is left out.
        """
        async with aclosing(stored_pages(log, first, last)) as pages:
            async for page in pages:
                yield [await self.original(document) for document in page]

    async def original(self, document: bytes) -> bytes:
        """A stored document as it was before it was archived, if it was."""
        number, position = segment_of(document), position_of(document)
        if number is None or position is None:
            return document
        return (await self._unpacked(number)).at(position)

    async def prove(self, segment: Segment) -> UnpackedSegment:
        """Fetch the segment, from the store and not from memory, and check it."""
        if self._store is None:
            raise Unavailable("commits of this log are archived, and archive_url is not set")
        packed = await self._store.get(segment.name)
        return await asyncio.to_thread(unpack, segment, packed)

    async def _unpacked(self, number: int) -> UnpackedSegment:
        kept = self._kept.get(number)
        if kept is not None:
            return kept
        fetch = self._fetching.get(number)
        if fetch is None:
            fetch = self._fetching[number] = asyncio.create_task(self._fetch(number))
            fetch.add_done_callback(lambda done: self._fetched(number, done))
        # A reader that leaves does not take the segment away from the others.
        return await asyncio.shield(fetch)

    async def _fetch(self, number: int) -> UnpackedSegment:
        async with self._places:
            with unavailable_if_down():
                stored = await self._segments.find_one({"_id": number})
            if stored is None:
                raise SegmentUnreadable(number, "unknown", "the log does not know it")
            return await self.prove(Segment.from_document(stored))

    def _fetched(self, number: int, fetch: asyncio.Task[UnpackedSegment]) -> None:
        del self._fetching[number]
        if not fetch.cancelled() and fetch.exception() is None:
            self._kept.put(number, fetch.result())
