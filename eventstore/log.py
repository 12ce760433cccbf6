"""The event log."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from domain.dispatch.ports import Clock, NewCommit, StoredCommand
from domain.kernel import Catalog, Receipt, RecordedEvent
from domain.kernel.errors import ConcurrencyConflict
from eventstore.appending.appender import Appender
from eventstore.appending.commit_restorer import CommitRestorer, RestoreOutcome
from eventstore.appending.outcomes import OutcomeResolver
from eventstore.appending.pending_append import ChainBroken
from eventstore.archiving.archive import Archive
from eventstore.archiving.blobs import BlobStore
from eventstore.commit_documents import encode_commit, first_receipt, to_receipt
from eventstore.decoder import CommitDecoder
from eventstore.integrity.block_sealer import BlockSealer, last_block
from eventstore.mongo.driver import Database, unavailable_if_down
from eventstore.mongo.log_collections import LogCollections
from eventstore.personal.keys import SubjectKeys
from eventstore.personal.sealing import MasterKeys, seal_placeholder
from eventstore.personal.vault import Vault
from eventstore.reading.as_of import AsOf, PointResolver
from eventstore.reading.event_query import EVERYTHING, EventQuery
from eventstore.reading.high_water_mark import HighWaterMark
from eventstore.reading.log_reader import LogReader
from eventstore.reading.record_times import RecordTimes
from eventstore.reading.replay import Replay, replay_range
from eventstore.reading.search import Search
from eventstore.reading.stream_reader import StreamReader

SECRET_BYTES = 32


class EventLog:
    """All commits of one database, in one order, append-only; the truth from which everything else follows.

    `announce` is told the highest position of each group that landed, and must not block. `fence_after` is in
    seconds. `archive` is where the segments of archived commits are; without it those cannot be read.
    Personal data is sealed under `masters`, and refused without them; `keys` are its subjects'.
    Every method that reads or writes raises Unavailable where MongoDB does not answer in time.
    """

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        *,
        clock: Clock,
        announce: Callable[[int], None],
        fence_after: float,
        archive: BlobStore | None = None,
        masters: MasterKeys | None = None,
    ) -> None:
        self._collections = LogCollections.of(database)
        self.archive = Archive(self._collections.segments, archive)
        self.keys = SubjectKeys(database, masters, clock)
        self._vault = Vault(self.keys)
        self._decoder = CommitDecoder(catalog, self.archive, self._vault)
        self._clock = clock
        self._fence_after = fence_after
        self._streams = StreamReader(self._collections.log, self._decoder)
        settlement = OutcomeResolver(self._collections, self._streams, clock)
        self._appender = Appender(self._collections, self._streams, settlement, self._vault, clock, announce)
        self._watermark = HighWaterMark(self._collections, clock, fence_after)
        self._times = RecordTimes(self._collections, clock)
        self._search = Search(self._collections.log, self._times, self._decoder, self._watermark)
        self._restorer = CommitRestorer(self._collections, self._streams, self._vault, clock, announce)
        self._moments = PointResolver(self._collections, self._times, self._watermark, clock)

    async def open(self) -> None:
        """Create what is missing; safe with several processes at once, and again.

        Raises ConfigurationError where the master key is not the log's.
        """
        await self.keys.open()
        with unavailable_if_down():
            await self._collections.prepare(self._clock())
        await self._watermark.check()

    async def close(self) -> None:
        """Refuse new appends and wait for those that are queued."""
        await self._appender.close()
        await self._restorer.close()

    async def append(self, commit: NewCommit) -> Receipt:
        """Store the commit whole, majority-durable; see `domain.dispatch.ports.CommandLog`.

        Whoever stops waiting has not stopped the append: only its command id tells what became of it.
        """
        unsealed = self._vault.prepare(commit)
        try:
            encoded = encode_commit(commit, seal_placeholder(unsealed, commit.digest))
            return await self._appender.submit(commit, encoded, unsealed)
        except ChainBroken as conflict:
            with unavailable_if_down():
                stored = await self._collections.commit_of(commit.tenant, commit.command_id)
            if stored is None:
                raise ConcurrencyConflict(conflict.stream, conflict.expected, conflict.actual) from None
            return first_receipt(commit, stored)

    async def restore(self, commits: Sequence[NewCommit]) -> list[RestoreOutcome]:
        """Store commits of another log as they were there, in their order; see `CommitRestorer.store`."""
        return await self._restorer.store(commits)

    async def stored_command(self, tenant: str, command_id: str) -> StoredCommand | None:
        """Return what is stored under a command id, with its first receipt; None where that is nothing."""
        return (await self.stored_commands(tenant, [command_id])).get(command_id)

    async def stored_commands(self, tenant: str, command_ids: Collection[str]) -> dict[str, StoredCommand]:
        """Return what is stored under each of the command ids, without those under which nothing is."""
        with unavailable_if_down():
            found = await self._collections.commits_of(tenant, command_ids)
        return {
            document["command"]["id"]: StoredCommand(
                document["command"]["name"], digest, to_receipt(document, replayed=True)
            )
            for document, digest in zip(found, await self._vault.digests(found), strict=True)
        }

    async def position_of(self, tenant: str, stream: str, version: int) -> int:
        """Return the position of the commit that led to a version of the stream, 0 for version 0."""
        return await self._streams.position_of(tenant, stream, version)

    async def head(self) -> int:
        """The highest position in the log, 0 where it is empty; positions below it may still be open."""
        with unavailable_if_down():
            return await self._collections.head()

    async def reaches(self, position: int) -> bool:
        """Whether the log has `position`. False for one that was seen: an older backup was restored."""
        with unavailable_if_down():
            return await self._collections.reaches(position)

    async def high_water_mark(self) -> int:
        """The highest position up to which no position is open: what is read up to it never changes."""
        return await self._watermark.advance()

    async def recorded_before(self, moment: datetime) -> int:
        """The last settled position that was recorded before `moment`, like all before it; 0: none."""
        settled = await self.measure_times()
        return await self._times.recorded_before(moment, settled)

    async def measure_times(self) -> int:
        """Compare the record times of all settled commits; the position up to which they are.

        Reading by time does it where nobody has done it lately.
        """
        settled = await self.high_water_mark()
        await self._times.measure(settled)
        return settled

    def reader(self) -> LogReader:
        """A new reader of the whole log, across tenants."""
        return LogReader(self._collections.log, self._decoder, self._clock, self._fence_after)

    async def stream(
        self, tenant: str, stream: str, after_version: int = 0, limit: int | None = None
    ) -> list[RecordedEvent]:
        """The events behind `after_version`, in order, at most `limit`; none where there is no stream."""
        return await self._streams.read(tenant, stream, after_version, limit)

    async def stream_behind(
        self, tenant: str, stream: str, version: int, event_id: str
    ) -> list[RecordedEvent] | None:
        """The next events behind a commit that ends with the event `event_id` at `version`, a page at most.

        None where the stream has no such commit: then its history is another one.
        """
        return await self._streams.behind(tenant, stream, version, event_id)

    async def position_at(self, tenant: str, as_of: AsOf) -> int:
        """The position that a point in the past stands for, which `AsOf` defines.

        Raises OutsideLog before the tenant's first commit and for what is to come.
        """
        return await self._moments.position(tenant, as_of)

    async def version_at(self, tenant: str, stream: str, as_of: AsOf) -> int:
        """The version of a stream at a point in the past, 0 where it was not there yet. As `position_at`."""
        return await self._streams.version_at(tenant, stream, await self.position_at(tenant, as_of))

    async def versions_at(self, tenant: str, places: Sequence[tuple[str, int]]) -> list[int]:
        """The versions of streams as of settled positions: of each stream with a position, in their order.

        0 where the stream was not there yet. One read for all that changed at these very positions.
        """
        return await self._streams.versions_at(tenant, places)

    async def search(
        self,
        tenant: str,
        query: EventQuery,
        after: int = 0,
        limit: int = 100,
        *,
        before: int | None = None,
        backward: bool = False,
    ) -> list[RecordedEvent]:
        """The tenant's events that meet the query, behind position `after` and before `before`, in order.

        They are the first ones, or with `backward` the last ones. Only settled positions are searched, so
        paging by position misses nothing. A page ends with a whole commit, so it may hold more than `limit`
        events.
        """
        return await self._search.find(tenant, query, after, limit, before, backward=backward)

    async def event(self, tenant: str, event_id: str) -> RecordedEvent | None:
        """Return the tenant's event with this id, None where no settled position has one."""
        return await self._search.event(tenant, event_id)

    async def count(self, tenant: str, query: EventQuery, upto: int, limit: int) -> int:
        """How many of the tenant's commits up to a position meet the query, `limit` at most."""
        return await self._search.count(tenant, query, upto, limit)

    async def replay(
        self,
        tenant: str,
        query: EventQuery = EVERYTHING,
        *,
        since: AsOf | None = None,
        until: AsOf | None = None,
    ) -> Replay:
        """What of the tenant's commits meets the query, from `since` on and before `until`.

        Without them it goes from the beginning to what is settled now. Raises ValidationFailed where `since`
        is after `until`.
        """
        first, last = await replay_range(self._moments, tenant, since, until)
        return Replay(self._search, tenant, query, first, last)

    async def secret(self) -> bytes:
        """Return 32 random bytes that belong to this log until its end is adopted."""
        return await self._secret("secret")

    async def digest_key(self) -> bytes:
        """Return the 32 bytes that key the digests of this log's commands, always the same."""
        return await self._secret("digest_key")

    async def _secret(self, name: str) -> bytes:
        """Random bytes that are made when they are first asked for."""
        fresh = {"value": secrets.token_bytes(SECRET_BYTES)}
        with unavailable_if_down():
            await self._collections.meta.update_one({"_id": name}, {"$setOnInsert": fresh}, upsert=True)
            stored = await self._collections.meta.find_one({"_id": name})
        assert stored is not None
        value: bytes = stored["value"]
        return value

    async def sealed_upto(self) -> int:
        """The position up to which the log is sealed."""
        with unavailable_if_down():
            block = await last_block(self._collections.blocks)
        return 0 if block is None else block.last

    def block_sealer(self) -> BlockSealer:
        """A new sealer of the log."""
        return BlockSealer(self._collections, self.archive)

    async def adopt_end(self) -> None:
        """Forget what was sealed beyond the log's end, and make another secret.

        Processes that are running keep the one that they have.
        """
        fresh = {"value": secrets.token_bytes(SECRET_BYTES)}
        with unavailable_if_down():
            await self._collections.meta.update_one({"_id": "secret"}, {"$set": fresh}, upsert=True)
            await self._collections.blocks.delete_many({"last": {"$gt": await self._collections.head()}})
