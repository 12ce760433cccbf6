"""Walking the whole log to see that it is what nerve wrote, and telling what is wrong and where.

Nothing is written, and memory stays bounded however long the log is.
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
from eventstore.archiving.archive import Archive
from eventstore.integrity.block_verifier import BlockVerifier
from eventstore.integrity.blocks import first_of
from eventstore.integrity.commit_schema import commit_defect, with_empty_data, without_data
from eventstore.integrity.report import Check, Finding, VerificationReport
from eventstore.integrity.stream_versions import StreamVersions
from eventstore.integrity.time_order import TimeOrder
from eventstore.mongo.driver import CODEC, Document, unavailable_if_down
from eventstore.mongo.log_collections import HEAD_LAG, INDEXES, Index, LogCollections
from eventstore.raw_documents import position_of, segment_of, stored_pages

OPEN = 10_000
"""Positions below the head among which some may be open while writers are at work."""

PROGRESS_EVERY = 500
"""Positions between two tellings of how far the walk is."""

Violation = Callable[[str, int, Mapping[str, Any], Collection[str]], str | None]
"""What is wrong with the data of an event of this type and revision, where the named fields are sealed."""


class Verifier:
    """Verifies one log. `tell` is told each finding at once, `progress` how many of all are done."""

    def __init__(
        self,
        collections: LogCollections,
        archive: Archive,
        *,
        violation: Violation,
        clock: Clock,
        tell: Callable[[Finding], None],
        progress: Callable[[int, int], None],
    ) -> None:
        self._collections = collections
        self._archive = archive
        self._violation = violation
        self._clock = clock
        self._tell = tell
        self._progress = progress
        self._report = VerificationReport(1, 0)
        self._versions = StreamVersions()
        self._times = TimeOrder(clock, 0)
        self._unreadable: set[int] = set()

    async def run(
        self, start: int, consumers: Mapping[str, int], expected: Mapping[int, bytes]
    ) -> VerificationReport:
        """Verify the log from position `start`, which begins a block, to its head as of now.

        `consumers` are positions up to which the log is known to have been, by who knows; `expected` are
        digests of blocks that were kept elsewhere. Raises Unavailable.
        """
        head = await self._settled_head()
        self._report = report = VerificationReport(start, head)
        chain = BlockVerifier(self._collections.blocks, start, head, self._broken)
        with unavailable_if_down():
            self._times = TimeOrder(self._clock, await self._ordered_after(head))
            await self._check_ids()
            await self._check_indexes()
            await self._check_ends(consumers)
            with closing(self._versions):
                await self._walk(start, head, chain)
                report.looked[Check.VERSIONS] = self._versions.count()
            report.notes += self._times.notes()
            report.seal = await chain.end(expected)
        report.looked[Check.BLOCKS] = chain.checked
        if chain.unsealed is not None:
            first = first_of(chain.unsealed)
            report.notes.append(f"from position {first} on the log is not sealed yet")
        return report

    def _wrong(self, check: Check, where: str, what: str, times: int = 1) -> None:
        self._report.wrong[check] += times
        self._tell(Finding(check, where, what))

    def _broken(self, number: int, what: str) -> None:
        self._wrong(Check.BLOCKS, f"block {number}", what)

    async def _settled_head(self) -> int:
        """The head, once no position near it is open, or as it is after a while."""
        deadline = time.monotonic() + HEAD_LAG
        with unavailable_if_down():
            head = await self._collections.head()
            while True:
                near = {"_id": {"$gt": head - OPEN, "$lte": head}}
                if await self._collections.log.count_documents(near) >= min(head, OPEN):
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
            self._wrong(Check.POSITIONS, "before the log", "there is a document whose _id is no position")

    async def _check_indexes(self) -> None:
        present = dict(await self._collections.log.index_information())
        present.pop("_id_", None)
        if not present and not self._report.last:
            # Nobody has opened this log yet.
            return
        self._report.looked[Check.INDEXES] = len(INDEXES)
        for index in INDEXES:
            found = present.pop(index.name, None)
            if found is None:
                self._wrong(Check.INDEXES, f"index {index.name}", "it is missing")
            elif not _is(index, found):
                self._wrong(Check.INDEXES, f"index {index.name}", "it is not defined as it should be")
        for name, found in present.items():
            if "expireAfterSeconds" in found:
                self._wrong(Check.INDEXES, f"index {name}", "it makes commits expire")
            else:
                self._report.notes.append(f"the index {name} of the log is not one of nerve's")

    async def _check_ends(self, consumers: Mapping[str, int]) -> None:
        head = self._report.last
        self._report.looked[Check.ENDS] = len(consumers)
        for name, position in consumers.items():
            if position > head:
                self._wrong(
                    Check.ENDS, name, f"it has been at position {position}, but the log ends at {head}"
                )
        counters = {one["_id"]: one for one in await self._collections.counters.find().to_list(None)}
        if (given := counters.get("log", {}).get("head", 0)) > head:
            self._report.notes.append(
                f"positions up to {given} were given out, and the log ends at {head}: writers are at work or "
                "were killed, or its last commits were deleted"
            )

    async def _walk(self, start: int, head: int, chain: BlockVerifier) -> None:
        following = start
        async with aclosing(stored_pages(self._collections.log, start, head)) as pages:
            async for page in pages:
                for document in page:
                    position = position_of(document)
                    if position is None:
                        where = f"behind position {following - 1}"
                        self._wrong(Check.POSITIONS, where, "there is a document whose _id is no position")
                        continue
                    self._check_gap(following, position)
                    following = position + 1
                    if following % PROGRESS_EVERY == 0:
                        self._progress(following - start, head - start + 1)
                    original = await self._original(position, document)
                    await chain.take(position, original)
                    if original is not None:
                        self._check_document(position, original)
                    else:
                        self._check_stub(position, document)
        self._check_gap(following, head + 1)
        self._report.looked[Check.POSITIONS] = head - start + 1
        self._progress(head - start + 1, head - start + 1)

    def _check_gap(self, following: int, position: int) -> None:
        if position > following:
            last = position - 1
            where = f"position {following}" if last == following else f"positions {following} to {last}"
            what = "nothing is there: neither a commit nor a tombstone"
            self._wrong(Check.POSITIONS, where, what, position - following)

    async def _original(self, position: int, document: bytes) -> bytes | None:
        """The document as it was stored; None where it is archived and its segment cannot be read."""
        number = segment_of(document)
        if number is None:
            return document
        self._report.looked[Check.ARCHIVE] += 1
        if number in self._unreadable:
            return None
        try:
            original = await self._archive.original(document)
        except SegmentUnreadable as error:
            self._unreadable.add(number)
            self._wrong(Check.ARCHIVE, f"position {position}", str(error))
            return None
        stub = bson.decode(document, CODEC)
        if without_data(stub) != without_data(bson.decode(original, CODEC)):
            what = "what the log has kept of the commit is not what its segment says"
            self._wrong(Check.ARCHIVE, f"position {position}", what)
        return original

    def _check_document(self, position: int, raw: bytes) -> None:
        self._report.looked[Check.COMMITS] += 1
        try:
            document = bson.decode(raw, CODEC)
            wrong = commit_defect(document)
        except BSONError as error:
            wrong = f"it cannot be decoded ({type(error).__name__})"
        if wrong is not None:
            self._wrong(Check.COMMITS, f"position {position}", wrong)
            return
        self._check_time(position, document)
        if "events" in document:
            self._check_versions(position, document)
            self._check_events(position, document)

    def _check_stub(self, position: int, raw: bytes) -> None:
        """All that can be told of a commit whose segment cannot be read."""
        stub = bson.decode(raw, CODEC)
        wrong = commit_defect(with_empty_data(stub))
        if wrong is not None:
            self._wrong(Check.COMMITS, f"position {position}", wrong)
        else:
            self._check_time(position, stub)
            self._check_versions(position, stub)

    def _check_time(self, position: int, document: Document) -> None:
        """A commit's time is at least that of the one before it; tombstones have times of their own."""
        if "tenant" in document:
            self._report.looked[Check.TIMES] += 1
            wrong = self._times.follow(position, document["at"])
            if wrong is not None:
                self._wrong(Check.TIMES, f"position {position}", wrong)

    def _check_versions(self, position: int, document: Document) -> None:
        stream = document["stream"]
        first, last = document["events"][0]["version"], document["events"][-1]["version"]
        before = self._versions.follow(document["tenant"], stream, first, last)
        if before is None:
            # The beginning of a stream is not seen where the walk begins in the middle of the log.
            before = 0 if self._report.first == 1 else first - 1
        where = f"position {position}, {stream}"
        if first > before + 1:
            lost = f"version {before + 1}" if first == before + 2 else f"versions {before + 1} to {first - 1}"
            self._wrong(Check.VERSIONS, where, f"{lost} of the stream did not come before version {first}")
        elif first <= before:
            what = f"version {first} is there twice or out of order: the stream was at {before} already"
            self._wrong(Check.VERSIONS, where, what)

    def _check_events(self, position: int, document: Document) -> None:
        self._report.looked[Check.SCHEMAS] += len(document["events"])
        for event in document["events"]:
            sealed = [name for part in event.get("sealed", ()) for name in part["fields"]]
            wrong = self._violation(event["type"], event["schema"], event["data"], sealed)
            if wrong is not None:
                where = f"position {position}, {document['stream']} version {event['version']}"
                self._wrong(Check.SCHEMAS, where, f"{event['type']}: {wrong}")


def _is(index: Index, found: Mapping[str, Any]) -> bool:
    """Whether an index is defined as it should be; the server tells a 1 also as 1.0."""
    options = {key: found[key] for key in ("unique", "partialFilterExpression") if key in found}
    forbidden = {"sparse", "expireAfterSeconds", "collation", "hidden"} & found.keys()
    return list(map(tuple, found["key"])) == index.order and options == index.options and not forbidden
