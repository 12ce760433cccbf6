"""Verifying that the whole log is what nerve wrote.

It writes nothing, and its memory is bounded however long the log is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import aclosing, closing
from typing import Any

import bson
from bson.errors import BSONError

from domain.dispatch.ports import Clock
from domain.kernel.errors import SegmentUnreadable
from domain.kernel.names import quantity
from eventstore.archiving.archive import Archive
from eventstore.integrity.block_verifier import BlockVerifier
from eventstore.integrity.blocks import first_of
from eventstore.integrity.commit_schema import commit_defect, with_empty_data, without_data
from eventstore.integrity.report import Check, Defect, VerificationReport
from eventstore.integrity.stream_versions import StreamVersions
from eventstore.integrity.time_order import TimeOrder
from eventstore.mongo.driver import CODEC, Document, unavailable_if_down
from eventstore.mongo.log_collections import HEAD_LAG, INDEXES, Index, LogCollections
from eventstore.raw_documents import position_of, segment_of, stored_pages

OPEN_NEAR_HEAD = 10_000
"""Positions below the head of which some may be open while writers are active."""

PROGRESS_EVERY = 500
"""Positions between two calls of `on_progress`."""

SchemaCheck = Callable[[str, int, Mapping[str, Any], Collection[str]], str | None]
"""Returns what is wrong with the data of an event of this type and revision, with these fields sealed."""


class Verifier:
    """Verifies one log.

    `on_defect` gets each defect at once, `on_progress` the number of positions done and of all. The head is
    read again for `head_lag` seconds while positions near it are open.
    """

    def __init__(
        self,
        collections: LogCollections,
        archive: Archive,
        *,
        schema_check: SchemaCheck,
        clock: Clock,
        on_defect: Callable[[Defect], None],
        on_progress: Callable[[int, int], None],
        head_lag: float = HEAD_LAG,
    ) -> None:
        self._collections = collections
        self._archive = archive
        self._schema_check = schema_check
        self._clock = clock
        self._on_defect = on_defect
        self._on_progress = on_progress
        self._head_lag = head_lag
        self._report = VerificationReport(1, 0)
        self._versions = StreamVersions()
        self._times = TimeOrder(clock, 0)
        self._unreadable: set[int] = set()
        self._erased = 0

    async def run(
        self, start: int, consumers: Mapping[str, int], expected: Mapping[int, bytes]
    ) -> VerificationReport:
        """Verify the log from position `start`, which begins a block, to its head as of now.

        `consumers` are the positions that consumers have come to, by name. `expected` are digests of blocks,
        by number, that were kept elsewhere. Raises Unavailable.
        """
        head = await self._head()
        self._report = report = VerificationReport(start, head)
        chain = BlockVerifier(self._collections.blocks, start, head, self._add_block_defect)
        with unavailable_if_down():
            self._times = TimeOrder(self._clock, await self._ordered_after(head))
            await self._check_ids()
            await self._check_indexes()
            await self._check_ends(consumers)
            with closing(self._versions):
                await self._walk(start, head, chain)
                report.checked[Check.VERSIONS] = self._versions.count()
            report.notes += self._times.notes()
            report.seal = await chain.end(expected)
        report.checked[Check.BLOCKS] = chain.checked
        if self._erased:
            report.notes.append(f"{quantity(self._erased, 'commit')} erased with their tenants")
        if chain.unsealed is not None:
            first = first_of(chain.unsealed)
            report.notes.append(f"from position {first} on the log is not sealed yet")
        return report

    def _add(self, check: Check, where: str, what: str, count: int = 1) -> None:
        self._report.defects[check] += count
        self._on_defect(Defect(check, where, what))

    def _add_block_defect(self, number: int, what: str) -> None:
        self._add(Check.BLOCKS, f"block {number}", what)

    async def _head(self) -> int:
        """Return the head once no position near it is open, or after `head_lag` seconds."""
        deadline = time.monotonic() + self._head_lag
        with unavailable_if_down():
            head = await self._collections.head()
            while True:
                near = {"_id": {"$gt": head - OPEN_NEAR_HEAD, "$lte": head}}
                if await self._collections.log.count_documents(near) >= min(head, OPEN_NEAR_HEAD):
                    return head
                if time.monotonic() > deadline:
                    return head
                await asyncio.sleep(0.2)

    async def _ordered_after(self, head: int) -> int:
        after = await self._collections.ordered_after()
        return head if after is None else after

    async def _check_ids(self) -> None:
        first = await self._collections.log.find_one({}, {"_id": 1}, sort=[("_id", 1)])
        if first is not None and not (isinstance(first["_id"], int) and first["_id"] > 0):
            self._add(Check.POSITIONS, "before the log", "there is a document whose _id is not a position")

    async def _check_indexes(self) -> None:
        present = dict(await self._collections.log.index_information())
        present.pop("_id_", None)
        if not present and not self._report.last:
            # No process has opened this log yet.
            return
        self._report.checked[Check.INDEXES] = len(INDEXES)
        for index in INDEXES:
            stored = present.pop(index.name, None)
            if stored is None:
                self._add(Check.INDEXES, f"index {index.name}", "it is missing")
            elif not _is_defined_as(index, stored):
                self._add(
                    Check.INDEXES, f"index {index.name}", "its definition is not the one that nerve creates"
                )
        for name, stored in present.items():
            if "expireAfterSeconds" in stored:
                self._add(Check.INDEXES, f"index {name}", "it makes commits expire")
            else:
                self._report.notes.append(f"the index {name} of the log was not created by nerve")

    async def _check_ends(self, consumers: Mapping[str, int]) -> None:
        head = self._report.last
        self._report.checked[Check.ENDS] = len(consumers)
        for name, position in consumers.items():
            if position > head:
                self._add(Check.ENDS, name, f"it has come to position {position}, but the log ends at {head}")
        counters = {
            counter["_id"]: counter for counter in await self._collections.counters.find().to_list(None)
        }
        if (reserved := counters.get("log", {}).get("head", 0)) > head:
            self._report.notes.append(
                f"positions up to {reserved} were reserved, and the log ends at {head}: writers are active, "
                "or were killed, or the last commits were deleted"
            )

    async def _walk(self, start: int, head: int, chain: BlockVerifier) -> None:
        following = start
        async with aclosing(stored_pages(self._collections.log, start, head)) as pages:
            async for page in pages:
                for document in page:
                    position = position_of(document)
                    if position is None:
                        where = f"behind position {following - 1}"
                        self._add(Check.POSITIONS, where, "there is a document whose _id is not a position")
                        continue
                    self._check_gap(following, position)
                    following = position + 1
                    if following % PROGRESS_EVERY == 0:
                        self._on_progress(following - start, head - start + 1)
                    original = await self._original(position, document)
                    await chain.take(position, original)
                    if original is not None:
                        self._check_document(position, original)
                    else:
                        self._check_stub(position, document)
        self._check_gap(following, head + 1)
        self._report.checked[Check.POSITIONS] = head - start + 1
        self._on_progress(head - start + 1, head - start + 1)

    def _check_gap(self, following: int, position: int) -> None:
        if position > following:
            last = position - 1
            where = f"position {following}" if last == following else f"positions {following} to {last}"
            what = "there is no document: neither a commit nor a tombstone"
            self._add(Check.POSITIONS, where, what, position - following)

    async def _original(self, position: int, document: bytes) -> bytes | None:
        """Return the document as it was stored, or None where its segment cannot be read."""
        number = segment_of(document)
        if number is None:
            return document
        self._report.checked[Check.ARCHIVE] += 1
        if number in self._unreadable:
            return None
        try:
            original = await self._archive.original(document)
        except SegmentUnreadable as error:
            self._unreadable.add(number)
            self._add(Check.ARCHIVE, f"position {position}", str(error))
            return None
        stub = bson.decode(document, CODEC)
        if without_data(stub) != without_data(bson.decode(original, CODEC)):
            what = "the rest of the commit in the log differs from the commit in its segment"
            self._add(Check.ARCHIVE, f"position {position}", what)
        return original

    def _check_document(self, position: int, raw: bytes) -> None:
        self._report.checked[Check.COMMITS] += 1
        try:
            document = bson.decode(raw, CODEC)
            defect = commit_defect(document)
        except BSONError as error:
            defect = f"it cannot be decoded ({type(error).__name__})"
        if defect is not None:
            self._add(Check.COMMITS, f"position {position}", defect)
            return
        self._check_time(position, document)
        self._erased += "erased" in document
        if "events" in document:
            self._check_versions(position, document)
            self._check_events(position, document)

    def _check_stub(self, position: int, raw: bytes) -> None:
        """Check what the log has of a commit whose segment cannot be read."""
        stub = bson.decode(raw, CODEC)
        defect = commit_defect(with_empty_data(stub))
        if defect is not None:
            self._add(Check.COMMITS, f"position {position}", defect)
        else:
            self._check_time(position, stub)
            self._check_versions(position, stub)

    def _check_time(self, position: int, document: Document) -> None:
        """Check that a commit's time is not before that of the commit before it; tombstones do not count."""
        if "tenant" in document:
            self._report.checked[Check.TIMES] += 1
            defect = self._times.follow(position, document["at"])
            if defect is not None:
                self._add(Check.TIMES, f"position {position}", defect)

    def _check_versions(self, position: int, document: Document) -> None:
        stream = document["stream"]
        first, last = document["events"][0]["version"], document["events"][-1]["version"]
        before = self._versions.follow(document["tenant"], stream, first, last)
        if before is None:
            # A walk that starts in the middle of the log does not see where a stream begins.
            before = 0 if self._report.first == 1 else first - 1
        where = f"position {position}, {stream}"
        if first > before + 1:
            lost = f"version {before + 1}" if first == before + 2 else f"versions {before + 1} to {first - 1}"
            self._add(Check.VERSIONS, where, f"{lost} of the stream is missing before version {first}")
        elif first <= before:
            what = f"version {first} is duplicate or out of order: the stream was at {before} already"
            self._add(Check.VERSIONS, where, what)

    def _check_events(self, position: int, document: Document) -> None:
        self._report.checked[Check.SCHEMAS] += len(document["events"])
        for event in document["events"]:
            sealed = [name for part in event.get("sealed", ()) for name in part["fields"]]
            defect = self._schema_check(event["type"], event["schema"], event["data"], sealed)
            if defect is not None:
                where = f"position {position}, {document['stream']} version {event['version']}"
                self._add(Check.SCHEMAS, where, f"{event['type']}: {defect}")


def _is_defined_as(index: Index, stored: Mapping[str, Any]) -> bool:
    """Return whether a stored index has the right definition; the server may return a 1 as 1.0."""
    options = {key: stored[key] for key in ("unique", "partialFilterExpression") if key in stored}
    forbidden = {"sparse", "expireAfterSeconds", "collation", "hidden"} & stored.keys()
    return list(map(tuple, stored["key"])) == index.order and options == index.options and not forbidden
