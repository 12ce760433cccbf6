"""The event log, the one class through which other packages use it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from domain.dispatch.ports import Clock, NewCommit, StoredCommand
from domain.kernel import Catalog, Commit, CommitInfo, Receipt, RecordedEvent
from domain.kernel.errors import ConcurrencyConflict
from eventstore.appending.appender import Appender
from eventstore.appending.commit_inserter import CommitInserter
from eventstore.appending.commit_restorer import CommitRestorer, RestoreOutcome
from eventstore.appending.pending_append import ChainBroken
from eventstore.appending.recent_commits import RecentCommits
from eventstore.archiving.archive import Archive
from eventstore.archiving.blobs import BlobStore
from eventstore.commit_documents import encode_commit, first_receipt, to_stored_command
from eventstore.decoder import CommitDecoder
from eventstore.integrity.block_sealer import BlockSealer, last_block
from eventstore.mongo.driver import Database, unavailable_if_down
from eventstore.mongo.log_collections import LogCollections
from eventstore.mongo.log_secrets import LogSecrets
from eventstore.options import DEFAULT_OPTIONS, LogOptions
from eventstore.personal.client_addresses import open_clients
from eventstore.personal.sealing import MasterKeys, seal_placeholder
from eventstore.personal.subject_keys import SubjectKeys
from eventstore.personal.vault import Vault
from eventstore.reading.as_of import AsOf, PointResolver
from eventstore.reading.event_query import EVERYTHING, EventQuery
from eventstore.reading.fence import Fence
from eventstore.reading.high_water_mark import HighWaterMark
from eventstore.reading.log_reader import LogReader
from eventstore.reading.record_times import RecordTimes
from eventstore.reading.replay import Replay, replay_range
from eventstore.reading.search import Search
from eventstore.reading.stream_reader import LaterEvents, StreamPlace, StreamReader


class EventLog:
    """All commits of one database in one order, append-only; everything else is derived from it.

    `announce` receives the highest position of each inserted group, and must not block. `fence_after` is the
    number of seconds after which a reader closes an open position. `archive` holds the segments of archived
    commits, which cannot be read without it. Personal data is sealed under `masters`, and refused without
    them; `keys` are the keys of its subjects, and `secrets` those of the log itself.

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
        options: LogOptions = DEFAULT_OPTIONS,
    ) -> None:
        collections = self._collections = LogCollections.of(database)
        self._clock = clock
        self._fence_after = fence_after
        self._options = options
        self.archive = Archive(collections.segments, archive)
        self.keys = SubjectKeys(database, masters, clock)
        self.secrets = LogSecrets(collections)
        self._vault = Vault(self.keys)
        self._decoder = CommitDecoder(catalog, self.archive, self._vault)
        self._streams = StreamReader(collections.log, self._decoder, options)
        inserter = CommitInserter(collections, clock)
        self.recent = RecentCommits(catalog)
        self._appender = Appender(
            collections, self._streams, inserter, self._vault, clock, announce, options.appends, self.recent
        )
        self._restorer = CommitRestorer(collections, self._streams, inserter, self._vault, clock, announce)
        self._high_water_mark = HighWaterMark(collections, clock, fence_after, options)
        self._times = RecordTimes(collections, clock, options)
        self._search = Search(collections.log, self._times, self._decoder, self._high_water_mark)
        self._points = PointResolver(collections, self._times, self._high_water_mark, clock, options)

    @property
    def options(self) -> LogOptions:
        """The sizes and times that the log works with."""
        return self._options

    async def open(self) -> None:
        """Create missing collections and indexes; several processes may do so at once, and again.

        Raises ConfigurationError where the master key is not the log's.
        """
        await self.keys.open()
        with unavailable_if_down():
            await self._collections.prepare(self._clock())
        await self._high_water_mark.check_note()

    async def close(self) -> None:
        """Refuse new appends and wait for those that are queued."""
        await self._appender.close()
        await self._restorer.close()

    async def append(self, commit: NewCommit) -> Receipt:
        """Store the commit whole, majority-durable; see `domain.dispatch.ports.CommandLog`.

        Cancelling the call does not stop the append; its command id then leads to the outcome.
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
        """Store commits of another log as they were recorded there; see `CommitRestorer.store`."""
        return await self._restorer.store(commits)

    async def stored_command(self, tenant: str, command_id: str) -> StoredCommand | None:
        """Return the stored command with this id, with its first receipt, or None."""
        return (await self.stored_commands(tenant, [command_id])).get(command_id)

    async def stored_commands(self, tenant: str, command_ids: Collection[str]) -> dict[str, StoredCommand]:
        """Return the stored commands with these ids, by id; ids that are not stored are left out."""
        with unavailable_if_down():
            documents = await self._collections.commits_of(tenant, command_ids)
        digests = await self._vault.digests(documents)
        stored = [to_stored_command(*pair) for pair in zip(documents, digests, strict=True)]
        return {command.receipt.command_id: command for command in stored}

    def has_seen(self, tenant: str, stream: str) -> bool:
        """Return whether this process has read or appended events of the stream, and remembers it."""
        return self._streams.known_tip(tenant, stream).version > 0

    async def position_of(self, tenant: str, stream: str, version: int) -> int:
        """Return the position of the commit that led to a version of the stream, 0 for version 0."""
        return await self._streams.position_of(tenant, stream, version)

    async def head(self) -> int:
        """Return the highest position in the log, 0 where it is empty; positions below it may be open."""
        with unavailable_if_down():
            return await self._collections.head()

    async def reaches(self, position: int) -> bool:
        """Return whether the log has come to `position`.

        False for a position that was read before means that an older backup was restored.
        """
        with unavailable_if_down():
            return await self._collections.reaches(position)

    async def high_water_mark(self) -> int:
        """Return the last position below which none is open: what is read up to it never changes."""
        return await self._high_water_mark.advance()

    async def recorded_before(self, moment: datetime) -> int:
        """Return the last settled position that, like all before it, was recorded before `moment`; or 0."""
        high_water_mark = await self.measure_times()
        return await self._times.recorded_before(moment, high_water_mark)

    async def measure_times(self) -> int:
        """Compare the record times of all settled commits, and return the high-water mark.

        Reading by time does this too, and is faster where it was done lately.
        """
        high_water_mark = await self.high_water_mark()
        await self._times.measure(high_water_mark)
        return high_water_mark

    def reader(self) -> LogReader:
        """Return a new reader of the whole log, across tenants."""
        fence = Fence(self._collections.log, self._clock, self._fence_after, self._options)
        return LogReader(self._collections.log, self._decoder, fence)

    async def stream(
        self, tenant: str, stream: str, after_version: int = 0, limit: int | None = None
    ) -> list[RecordedEvent]:
        """Return the events after `after_version`, in order, at most `limit`; none of an unknown stream."""
        return await self._streams.read(tenant, stream, after_version, limit)

    async def streams(self, tenant: str, places: Collection[StreamPlace], limit: int) -> LaterEvents:
        """Return the events after each place, in order, at most `limit` of each, with one query."""
        return await self._streams.read_several(tenant, places, limit)

    async def stream_behind(
        self, tenant: str, stream: str, version: int, event_id: str
    ) -> list[RecordedEvent] | None:
        """Return the next page of events after the commit that ends with `event_id` at `version`.

        None where the stream has no such commit: then its history is a different one.
        """
        return await self._streams.behind(tenant, stream, version, event_id)

    async def position_at(self, tenant: str, as_of: AsOf) -> int:
        """Return the position of a point in the past, as `AsOf` defines it.

        Raises OutsideLog before the tenant's first commit and for a point in the future.
        """
        return await self._points.position(tenant, as_of)

    async def version_at(self, tenant: str, stream: str, as_of: AsOf) -> int:
        """Return the version of a stream at a point in the past, or 0; raises as `position_at` does."""
        return await self._streams.version_at(tenant, stream, await self.position_at(tenant, as_of))

    async def versions_at(self, tenant: str, places: Sequence[tuple[str, int]]) -> list[int]:
        """Return the versions of streams as of settled positions, for each stream with a position, in order.

        0 where the stream did not exist yet. One read serves all that changed at these very positions.
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
        """Return the tenant's matching events after position `after` and before `before`, in order.

        They are the first ones, or with `backward` the last ones. Only settled positions are searched, so
        paging by position misses nothing. A page ends with a whole commit, so it may hold more than `limit`
        events.
        """
        return await self._search.find(tenant, query, after, limit, before, backward=backward)

    async def event(self, tenant: str, event_id: str) -> RecordedEvent | None:
        """Return the tenant's event with this id, or None where no settled position has it."""
        return await self._search.event(tenant, event_id)

    async def count(self, tenant: str, query: EventQuery, upto: int, limit: int) -> int:
        """Return how many of the tenant's commits up to a position match the query, at most `limit`."""
        return await self._search.count(tenant, query, upto, limit)

    async def clients(self, commits: Sequence[CommitInfo]) -> list[str | None]:
        """Return the network address of each commit's client; None where it is unknown or was erased."""
        return await open_clients(self.keys, commits)

    async def commits_of(self, categories: Collection[str], after: int = 0) -> tuple[list[Commit], int]:
        """Return the commits of these categories in all tenants, and the position up to which they are all.

        With `after` they are those after this position, which should be near the end of the log. It does not
        fetch the rest of the log, however long that is.
        """
        upto = await self.high_water_mark()
        if after:
            return await self._search.of_categories_after(categories, after, upto), upto
        return await self._search.of_categories(categories, upto), upto

    async def replay(
        self,
        tenant: str,
        query: EventQuery = EVERYTHING,
        *,
        since: AsOf | None = None,
        until: AsOf | None = None,
    ) -> Replay:
        """Return a replay of the tenant's commits that match the query, from `since` on and before `until`.

        Without them it goes from the beginning to the high-water mark of now. Raises ValidationFailed where
        `since` is after `until`.
        """
        first, last = await replay_range(self._points, tenant, since, until)
        return Replay(self._search, tenant, query, first, last, self._options.replay_page)

    async def sealed_upto(self) -> int:
        """Return the position up to which the log is sealed."""
        with unavailable_if_down():
            block = await last_block(self._collections.blocks)
        return 0 if block is None else block.last

    def block_sealer(self) -> BlockSealer:
        """Return a new sealer of the log."""
        return BlockSealer(self._collections, self.archive)

    async def adopt_end(self) -> None:
        """Delete the blocks that were sealed beyond the log's end, and make another key for positions.

        Running processes keep the key that they have.
        """
        await self.secrets.renew_position_key()
        with unavailable_if_down():
            await self._collections.blocks.delete_many({"last": {"$gt": await self._collections.head()}})
