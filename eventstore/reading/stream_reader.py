"""Reading single streams, and remembering how far each has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, NamedTuple

from domain.kernel import RecordedEvent
from eventstore.commit_documents import last_version
from eventstore.decoder import CommitDecoder
from eventstore.lru import LruCache
from eventstore.mongo.driver import Collection as MongoCollection
from eventstore.mongo.driver import Document, unavailable_if_down
from eventstore.mongo.log_collections import VERSION_GUARD
from eventstore.mongo.reads import find
from eventstore.options import LogOptions

CACHED_TIPS = 50_000
"""Streams whose tips are remembered."""


class Tip(NamedTuple):
    """A version that the stream has reached for good, and the position of its commit."""

    version: int
    position: int


START = Tip(0, 0)

StreamPlace = tuple[str, int]
"""A stream, and a version of it."""

LaterEvents = dict[StreamPlace, list[RecordedEvent]]
"""Events of streams after places in them; places without later events are missing."""


class StreamReader:
    """Reads the log by stream."""

    def __init__(self, log: MongoCollection, decoder: CommitDecoder, options: LogOptions) -> None:
        self._log = log
        self._decoder = decoder
        self.page = options.stream_page
        self._tips: LruCache[tuple[str, str], Tip] = LruCache(CACHED_TIPS)

    async def read(
        self, tenant: str, stream: str, after_version: int, limit: int | None
    ) -> list[RecordedEvent]:
        """Return the events of the stream after `after_version`, in order, at most `limit` of them."""
        events: list[RecordedEvent] = []
        async for page in self._pages(tenant, stream, after_version, limit):
            events += page
        if events:
            self.remember_tip(tenant, stream, Tip(events[-1].version, events[-1].position))
        return events

    async def _pages(
        self, tenant: str, stream: str, after: int, limit: int | None
    ) -> AsyncIterator[list[RecordedEvent]]:
        end = None if limit is None else after + limit
        while end is None or after < end:
            upto = after + self.page if end is None else min(after + self.page, end)
            cursor = self._log.find(_within(tenant, stream, {"$gt": after, "$lte": upto}))
            with unavailable_if_down():
                documents = await cursor.sort([("_id", 1)]).hint(VERSION_GUARD).to_list(None)
            commits = await self._decoder.commits(documents)
            page = [event for commit in commits for event in commit.events if after < event.version <= upto]
            yield page
            if len(page) < upto - after:
                return
            after = upto

    async def read_several(self, tenant: str, places: Collection[StreamPlace], limit: int) -> LaterEvents:
        """Return the events after each place, in order, at most `limit` of each, with one query."""
        clauses = [_within(tenant, stream, {"$gt": after, "$lte": after + limit}) for stream, after in places]
        with unavailable_if_down():
            documents = await find(self._log, {"$or": clauses}).hint(VERSION_GUARD).to_list(None)
        documents.sort(key=lambda document: int(document["_id"]))
        later: dict[str, list[RecordedEvent]] = defaultdict(list)
        for commit in await self._decoder.commits(documents):
            for event in commit.events:
                later[event.stream].append(event)
        for stream, events in later.items():
            self.remember_tip(tenant, stream, Tip(events[-1].version, events[-1].position))
        return {
            (stream, after): [event for event in later[stream] if after < event.version <= after + limit]
            for stream, after in places
            if stream in later
        }

    async def tip(self, tenant: str, stream: str, beyond: int) -> Tip | None:
        """Return the tip of the stream if its version is above `beyond`, else None."""
        document: Document | None = await self._log.find_one(
            _within(tenant, stream, {"$gt": beyond}), sort=[("_id", -1)], hint=VERSION_GUARD
        )
        if document is None:
            return None
        tip = Tip(last_version(document), document["_id"])
        self.remember_tip(tenant, stream, tip)
        return tip

    async def behind(
        self, tenant: str, stream: str, version: int, event_id: str
    ) -> list[RecordedEvent] | None:
        """Return a page of events after the commit that ends with the event `event_id` at `version`.

        None where the stream has no such commit. Of an archived one only the stub is read.
        """
        upto = version + self.page
        cursor = self._log.find(_within(tenant, stream, {"$gte": version, "$lte": upto}))
        with unavailable_if_down():
            documents = await cursor.sort([("_id", 1)]).hint(VERSION_GUARD).to_list(None)
        last = documents[0]["events"][-1] if documents else {}
        if (last.get("version"), last.get("id")) != (version, event_id):
            return None
        commits = await self._decoder.commits(documents[1:])
        return [event for commit in commits for event in commit.events if event.version <= upto]

    async def version_at(self, tenant: str, stream: str, position: int) -> int:
        """Return the version of the stream as of `position`, 0 where it did not exist yet.

        A binary search from the known tip: a few dozen reads of one commit each.
        """
        tip = self.known_tip(tenant, stream)
        low, high = (tip.version, None) if tip.position <= position else (0, tip.version)
        step = 1
        while high is None or low + 1 < high:
            middle = low + step if high is None else (low + high) // 2
            with unavailable_if_down():
                commit = await self._log.find_one(
                    _within(tenant, stream, {"$gte": middle, "$lte": middle}),
                    {"events.version": 1},
                    hint=VERSION_GUARD,
                )
            if commit is None or commit["_id"] > position:
                high = middle
            else:
                low, step = last_version(commit), step * 2
        return low

    async def position_of(self, tenant: str, stream: str, version: int) -> int:
        """Return the position of the commit that led to `version`, 0 for version 0. Raises Unavailable."""
        tip = self.known_tip(tenant, stream)
        if tip.version == version:
            return tip.position
        with unavailable_if_down():
            commit = await self._log.find_one(
                _within(tenant, stream, {"$gte": version, "$lte": version}), {"_id": 1}, hint=VERSION_GUARD
            )
        return 0 if commit is None else int(commit["_id"])

    async def versions_at(self, tenant: str, places: Sequence[tuple[str, int]]) -> list[int]:
        """Return `version_at` of many streams, with one read for all that changed at these very positions."""
        wanted = {"_id": {"$in": [position for _, position in places]}, "tenant": tenant}
        with unavailable_if_down():
            documents = await self._log.find(wanted, {"stream": 1, "events.version": 1}).to_list(None)
        changed = {(commit["stream"], commit["_id"]): last_version(commit) for commit in documents}
        return [changed.get(place) or await self.version_at(tenant, *place) for place in places]

    def known_tip(self, tenant: str, stream: str) -> Tip:
        """Return the highest tip that this process has seen; the stream may be further, never behind it."""
        return self._tips.get((tenant, stream)) or START

    def remember_tip(self, tenant: str, stream: str, tip: Tip) -> None:
        """Remember that the stream has come to `tip`."""
        if tip > self.known_tip(tenant, stream):
            self._tips.put((tenant, stream), tip)


def _within(tenant: str, stream: str, versions: dict[str, int]) -> dict[str, Any]:
    """Return a filter whose bounds apply to the same event; otherwise the index could use only one bound."""
    return {"tenant": tenant, "stream": stream, "events": {"$elemMatch": {"version": versions}}}
