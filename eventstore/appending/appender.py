"""Appends in groups: one insert carries all commits that wait, and each succeeds or fails by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from pymongo.errors import PyMongoError

from domain.dispatch.ports import Clock, NewCommit
from domain.kernel import Receipt
from domain.kernel.errors import PersonalDataRefused, Unavailable
from eventstore.appending.append_queue import AppendQueue
from eventstore.appending.commit_inserter import CommitInserter, InsertFailure
from eventstore.appending.outcomes import OutcomeResolver
from eventstore.appending.pending_append import PendingAppend
from eventstore.appending.position_allocator import PositionAllocator
from eventstore.appending.recent_commits import RecentCommits
from eventstore.commit_documents import new_receipt
from eventstore.mongo.driver import time_limit, unavailable_if_down
from eventstore.mongo.log_collections import LogCollections
from eventstore.mongo.outages import is_outage
from eventstore.options import AppendOptions
from eventstore.personal.sealing import NO_UNSEALED_PARTS, UnsealedParts
from eventstore.personal.vault import Vault
from eventstore.reading.stream_reader import StreamReader


class Appender:
    """Appends the commits of one process.

    A group starts as soon as fewer than the allowed groups are in flight, so nothing waits while the log is
    idle, and groups grow with the load. A commit that ends without an outcome (an outage, or a position that
    a reader closed) is sent again; the guards on version and command id make sure that it lands once.

    `announce` receives the highest position of each group.
    """

    def __init__(
        self,
        collections: LogCollections,
        streams: StreamReader,
        inserter: CommitInserter,
        vault: Vault,
        clock: Clock,
        announce: Callable[[int], None],
        options: AppendOptions,
        recent: RecentCommits,
    ) -> None:
        self._streams = streams
        self._inserter = inserter
        self._outcomes = OutcomeResolver(collections, inserter, streams)
        self._vault = vault
        self._announce = announce
        self._options = options
        self._recent = recent
        self._queue = AppendQueue(options)
        self._positions = PositionAllocator(collections, clock, options.window, options.counter)
        self._groups: set[asyncio.Task[None]] = set()
        self._checks: set[asyncio.Task[None]] = set()
        self._start_is_scheduled = False
        self._is_closing = False

    def submit(
        self, commit: NewCommit, encoded: bytes, unsealed: UnsealedParts = NO_UNSEALED_PARTS
    ) -> asyncio.Future[Receipt]:
        """Queue a commit; the future gets its receipt, or the error that says why there is none.

        `unsealed` personal data is sealed with its group, which reads the keys of all its subjects at once.
        """
        if self._is_closing:
            raise Unavailable("the log is closing; send the command again to another process")
        deadline = asyncio.get_running_loop().time() + self._options.give_up_after
        append = self._queue.add(commit, encoded, deadline, unsealed)
        chain = append.chain
        if chain.queued[0] is append and not chain.in_flight:
            self._start_chain(append)
        return append.outcome

    async def close(self) -> None:
        """Refuse new commits, and return when all queued ones have an outcome."""
        self._is_closing = True
        while not self._queue.is_empty or self._groups:
            self._start_groups()
            if running := self._groups | self._checks:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        await self._positions.close()

    def _start_chain(self, append: PendingAppend) -> None:
        """Start a chain with its first commit, once the stream is known to be at the expected version."""
        commit, chain = append.commit, append.chain
        tip = self._streams.known_tip(commit.tenant, commit.stream)
        if tip.version == commit.expected or not commit.events:
            chain.floor = tip.position
            self._queue.start(chain)
            self._start_groups_soon()
        else:
            check = asyncio.create_task(self._check(append))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)

    async def _check(self, append: PendingAppend) -> None:
        try:
            with unavailable_if_down():
                await self._outcomes.check_expected_version(append)
        except Exception as error:
            append.fail(error)
        # Also when the append has an outcome now: the queue drops it.
        self._queue.start(append.chain)
        self._start_groups_soon()

    def _start_groups_soon(self) -> None:
        """Start groups after this turn of the event loop, so that the callers of this turn share a group."""
        if not self._start_is_scheduled:
            self._start_is_scheduled = True
            asyncio.get_running_loop().call_soon(self._start_groups)

    def _start_groups(self) -> None:
        self._start_is_scheduled = False
        while self._queue and len(self._groups) < self._options.groups_in_flight:
            if group := self._queue.take_group(asyncio.get_running_loop().time()):
                task = asyncio.create_task(self._append_group(group))
                self._groups.add(task)
                task.add_done_callback(self._group_ended)

    def _group_ended(self, task: asyncio.Task[None]) -> None:
        self._groups.discard(task)
        self._start_groups_soon()

    async def _append_group(self, group: list[PendingAppend]) -> None:
        seconds_left = max(append.deadline for append in group) - asyncio.get_running_loop().time()
        try:
            with time_limit(seconds_left):
                await self._seal(group)
                if sealed := [append for append in group if not append.has_outcome]:
                    await self._store(sealed)
        except Exception as error:
            if not (isinstance(error, PyMongoError) and is_outage(error)):
                for append in group:
                    append.fail(error)
            await asyncio.sleep(self._options.retry_after)
        self._queue.return_group(group)

    async def _seal(self, group: list[PendingAppend]) -> None:
        """Seal personal data; a commit with an erased subject fails here."""
        if personal := [append for append in group if append.unsealed]:
            results = await self._vault.seal([(append.commit, append.unsealed) for append in personal])
            for append, result in zip(personal, results, strict=True):
                if isinstance(result, PersonalDataRefused):
                    append.fail(result)
                else:
                    append.seal(result)

    async def _store(self, group: list[PendingAppend]) -> None:
        floor = max(append.chain.floor for append in group)
        first, times = await self._positions.take([append.commit.at for append in group], floor)
        for append, time in zip(group, times, strict=True):
            append.record_time = time
        appends = dict(enumerate(group, first))
        with self._recent.inserting(range(first, first + len(group))):
            failures = await self._insert(appends)
            for position, append in appends.items():
                if position not in failures:
                    self._recent.add(position, append)
                    self._outcomes.complete(append, new_receipt(append.commit, position))
        if any(failure.shows_other_writers for failure in failures.values()):
            await self._positions.share()
        if failures:
            await self._outcomes.resolve(appends, failures)
        self._announce(first + len(group) - 1)

    async def _insert(self, appends: Mapping[int, PendingAppend]) -> dict[int, InsertFailure]:
        """Insert the group; return the failures by position.

        A group with chains is inserted in order, so that nothing lands that builds on a refused commit. What
        does not build on it is inserted again at once.
        """
        failures: dict[int, InsertFailure] = {}
        remaining = dict(appends)
        while remaining:
            ordered = any(len(append.chain.in_flight) > 1 for append in remaining.values())
            documents = {position: append.document(position) for position, append in remaining.items()}
            for append in remaining.values():
                append.was_sent = True
            latest = await self._inserter.insert(documents, ordered=ordered)
            failures |= latest
            untried = [at for at, failure in latest.items() if failure is InsertFailure.NOT_TRIED]
            if not untried:
                break
            refused = max(at for at, failure in latest.items() if failure is not InsertFailure.NOT_TRIED)
            broken = appends[refused].chain
            remaining = {at: appends[at] for at in untried if appends[at].chain is not broken}
            for position in remaining:
                del failures[position]
        return failures
