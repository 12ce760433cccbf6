"""Reading archived commits: the log has a stub of each, and a segment has the whole commit."""

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

CACHE_BYTES = 64_000_000
"""Bytes of unpacked segments that a process caches."""

MAX_FETCHES = 3
"""Most segments that are fetched and unpacked at once."""


class Archive:
    """Reads the archived part of one log.

    Every method that reads raises Unavailable where MongoDB or the store does not answer, or where there is
    no store; and SegmentUnreadable where a segment is not what was written.
    """

    def __init__(self, segments: Collection, store: BlobStore | None, cache_bytes: int = CACHE_BYTES) -> None:
        self._segments = segments
        self._store = store
        self._cache: LruCache[int, UnpackedSegment] = LruCache(cache_bytes, lambda unpacked: unpacked.size)
        self._fetching: dict[int, asyncio.Task[UnpackedSegment]] = {}
        self._fetch_slots = asyncio.Semaphore(MAX_FETCHES)

    async def segments(self) -> list[Segment]:
        """Return all segments, in order."""
        with unavailable_if_down():
            documents = await self._segments.find().sort([("_id", 1)]).to_list(None)
        return [Segment.from_document(document) for document in documents]

    async def whole(self, documents: Sequence[Document]) -> list[Document]:
        """Return the documents of a page, with each stub replaced by the archived document."""
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
        """Yield the documents from `first` to `last` as they were stored, in order, byte for byte.

        Pages have a bounded size; empty positions are left out.
        """
        async with aclosing(stored_pages(log, first, last)) as pages:
            async for page in pages:
                yield [await self.original(document) for document in page]

    async def original(self, document: bytes) -> bytes:
        """Return a stored document, or the archived document of a stub."""
        number, position = segment_of(document), position_of(document)
        if number is None or position is None:
            return document
        return (await self._unpacked(number)).at(position)

    async def prove(self, segment: Segment) -> UnpackedSegment:
        """Fetch the segment from the store, not from the cache, and check it."""
        if self._store is None:
            raise Unavailable("commits of this log are archived, and archive_url is not set")
        packed = await self._store.get(segment.name)
        return await asyncio.to_thread(unpack, segment, packed)

    async def _unpacked(self, number: int) -> UnpackedSegment:
        cached = self._cache.get(number)
        if cached is not None:
            return cached
        fetch = self._fetching.get(number)
        if fetch is None:
            fetch = self._fetching[number] = asyncio.create_task(self._fetch(number))
            fetch.add_done_callback(lambda done: self._fetched(number, done))
        # The cancellation of one reader must not cancel the fetch of the others.
        return await asyncio.shield(fetch)

    async def _fetch(self, number: int) -> UnpackedSegment:
        async with self._fetch_slots:
            with unavailable_if_down():
                stored = await self._segments.find_one({"_id": number})
            if stored is None:
                raise SegmentUnreadable(number, "unknown", "the log has no manifest of it")
            return await self.prove(Segment.from_document(stored))

    def _fetched(self, number: int, fetch: asyncio.Task[UnpackedSegment]) -> None:
        del self._fetching[number]
        if not fetch.cancelled() and fetch.exception() is None:
            self._cache.put(number, fetch.result())
