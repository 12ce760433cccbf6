"""Appending the commits of another log as they were there, in its order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from domain.dispatch.ports import Clock, NewCommit
from domain.kernel.errors import ConcurrencyConflict, NerveError, Unavailable, ValidationFailed
from eventstore.appending.outcomes import InsertFailure
from eventstore.appending.position_allocator import PositionAllocator
from eventstore.commit_documents import encode_commit, is_same_commit, with_position
from eventstore.mongo.driver import DUPLICATE_KEY, Document, unavailable_if_down
from eventstore.mongo.log_collections import LogCollections
from eventstore.personal.sealing import NO_SEALED_PARTS, SealedParts, UnsealedParts
from eventstore.personal.vault import Vault
from eventstore.reading.fence import close_positions
from eventstore.reading.stream_reader import StreamReader, Tip

Stream = tuple[str, str]
"""Tenant and stream."""

RestoreOutcome = bool | NerveError
"""True: stored now; False: stored before, the very same; else why it cannot be stored."""

NEVER_TOLD = Unavailable("the log did not say what became of it")


@dataclass(slots=True)
class _Entry:
    commit: NewCommit
    outcome: RestoreOutcome = NEVER_TOLD
    sealed: SealedParts = NO_SEALED_PARTS
    encoded: bytes = b""

    @property
    def stream(self) -> Stream:
        return self.commit.tenant, self.commit.stream

    @property
    def version(self) -> int:
        return self.commit.expected + len(self.commit.events)

    def at(self, position: int, time: datetime) -> RawBSONDocument:
        """The document, with the record time of the other log kept too where this one has another."""
        original = self.commit.at
        if time == original:
            return with_position(self.encoded, position)
        first, happened = self.commit.recorded or original, self.commit.occurred or original
        commit = replace(self.commit, at=time, recorded=first, occurred=happened)
        return with_position(encode_commit(commit, self.sealed), position)


class CommitRestorer:
    """Writes past the appender's queue, in one insert a batch, which the server stops at what it refuses.

    So what lands is always the first part of the batch, and the order of the other log is kept even where the
    process is killed. The guards are those of every append: a second run finds everything stored. Record
    times are kept where they are past and in order; else the commit has another one, and keeps its own too.
    """

    def __init__(
        self,
        collections: LogCollections,
        streams: StreamReader,
        vault: Vault,
        clock: Clock,
        announce: Callable[[int], None],
    ) -> None:
        self._collections = collections
        self._positions = PositionAllocator(collections, clock, window=0)
        self._streams = streams
        self._vault = vault
        self._clock = clock
        self._announce = announce
        self._latest: datetime | None = None
        """The last record time that was handed out here, or found with a commit that was restored before."""

    async def store(self, commits: Sequence[NewCommit]) -> list[RestoreOutcome]:
        """Store the commits in this order, and tell what became of each.

        What builds on a commit that is refused is refused too. Raises Unavailable where MongoDB does not
        answer in time; then any first part of them may be stored, and the same call later goes on.
        """
        entries = [_Entry(commit) for commit in commits]
        with unavailable_if_down():
            await self._insert(await self._seal(await self._judge(entries)))
        return [entry.outcome for entry in entries]

    async def close(self) -> None:
        """Return when the counter knows all positions that were taken."""
        await self._positions.close()

    async def _judge(self, entries: Sequence[_Entry]) -> list[_Entry]:
        """Those that are to be stored; the others get their outcome."""
        stored = await self._stored(entries)
        versions: dict[Stream, int] = {}
        fresh = []
        for entry in entries:
            commit = entry.commit
            there = stored.get((commit.tenant, commit.command_id))
            if there is not None:
                entry.outcome = _outcome_of(commit, there)
                self._latest = max(there["at"], self._latest or there["at"])
                continue
            version = versions.get(entry.stream) or await self._version(commit)
            if version == commit.expected:
                fresh.append(entry)
                version = entry.version
            else:
                entry.outcome = ConcurrencyConflict(commit.stream, commit.expected, version)
            versions[entry.stream] = version
        return fresh

    async def _stored(self, entries: Sequence[_Entry]) -> dict[tuple[str, str], Document]:
        """The stored commits of the same commands, by tenant and command id."""
        commands: dict[str, list[str]] = {}
        for entry in entries:
            commands.setdefault(entry.commit.tenant, []).append(entry.commit.command_id)
        found = {}
        for tenant, ids in commands.items():
            for document in await self._collections.commits_of(tenant, ids):
                found[tenant, document["command"]["id"]] = document
        return found

    async def _version(self, commit: NewCommit) -> int:
        known = self._streams.known(commit.tenant, commit.stream)
        if known.version >= commit.expected:
            return known.version
        return (await self._streams.tip(commit.tenant, commit.stream, known.version) or known).version

    async def _seal(self, entries: Sequence[_Entry]) -> list[_Entry]:
        """Make documents of the commits, what is personal sealed; those that can be stored."""
        prepared: list[tuple[_Entry, UnsealedParts]] = []
        for entry in entries:
            try:
                prepared.append((entry, self._vault.prepare(entry.commit)))
            except NerveError as error:
                entry.outcome = error
        sealed: Sequence[SealedParts | NerveError] = [NO_SEALED_PARTS] * len(prepared)
        if any(unsealed for _, unsealed in prepared):
            sealed = await self._vault.seal([(entry.commit, unsealed) for entry, unsealed in prepared])
        for (entry, _), one in zip(prepared, sealed, strict=True):
            try:
                if isinstance(one, NerveError):
                    raise one
                entry.encoded, entry.sealed = encode_commit(entry.commit, one), one
            except NerveError as error:
                entry.outcome = error
        return _standing(entries)

    async def _insert(self, entries: Sequence[_Entry]) -> None:
        left = list(entries)
        while left:
            behind = max(self._streams.known(*entry.stream).position for entry in left)
            first, times = await self._positions.take(await self._times(left), behind)
            self._latest = times[-1]
            landed, why = await self._try(left, first, times)
            if landed < len(left):
                free = range(first + landed, first + len(left))
                await close_positions(self._collections.log, free, self._clock)
                holder = await self._collections.log.find_one({"_id": first + landed})
                # A write that the driver repeats may meet itself.
                landed += holder is not None and is_same_commit(left[landed].commit, holder)
            for position, entry in enumerate(left[:landed], first):
                entry.outcome = True
                self._streams.reached(*entry.stream, Tip(entry.version, position))
            left = left[landed:]
            if left and why in (InsertFailure.VERSION, InsertFailure.COMMAND):
                left[0].outcome = await self._lost(left[0].commit)
                left[0].encoded = b""
                left = _standing(left)
            if left:
                await self._positions.share()
            self._announce(first + landed - 1)

    async def _times(self, entries: Sequence[_Entry]) -> list[datetime]:
        """The record times that the commits are to have: their own, as long as none of them goes back.

        A time that is still to come, or lies before what other processes have written to this log since,
        cannot be that of a record here; the commit is recorded now.
        """
        now, floor = self._clock(), await self._positions.latest()
        follows = floor == self._latest
        times = []
        for entry in entries:
            original = entry.commit.at
            times.append(original if original <= now and (follows or original >= floor) else now)
            follows, floor = True, max(floor, times[-1])
        return times

    async def _try(
        self, entries: Sequence[_Entry], first: int, times: Sequence[datetime]
    ) -> tuple[int, InsertFailure | None]:
        """One insert: how many landed, and why the next one did not."""
        places = zip(count(first), entries, times, strict=False)
        documents = [entry.at(position, time) for position, entry, time in places]
        try:
            await self._collections.log.insert_many(documents, ordered=True)
        except BulkWriteError as error:
            details = error.details
            if details["writeConcernErrors"] or not details["writeErrors"]:
                raise Unavailable("MongoDB did not confirm the commits in time; do it again") from error
            (refused,) = details["writeErrors"]
            if refused["code"] != DUPLICATE_KEY:
                raise
            return int(refused["index"]), InsertFailure.of(refused)
        return len(documents), None

    async def _lost(self, commit: NewCommit) -> RestoreOutcome:
        """The outcome of a commit that a guard refused: somebody else writes to the log meanwhile."""
        stored = await self._collections.commit_of(commit.tenant, commit.command_id)
        if stored is not None:
            return _outcome_of(commit, stored)
        tip = await self._streams.tip(commit.tenant, commit.stream, commit.expected)
        return ConcurrencyConflict(commit.stream, commit.expected, tip.version if tip else 0)


def _standing(entries: Sequence[_Entry]) -> list[_Entry]:
    """Those that can be stored; what builds on one that cannot is refused with it."""
    broken: dict[Stream, int] = {}
    standing = []
    for entry in entries:
        commit = entry.commit
        if entry.stream in broken:
            entry.outcome = ConcurrencyConflict(commit.stream, commit.expected, broken[entry.stream])
        elif not entry.encoded:
            broken[entry.stream] = commit.expected
        else:
            standing.append(entry)
    return standing


def _outcome_of(commit: NewCommit, stored: Document) -> RestoreOutcome:
    """Whether what is stored under the command's id is this commit."""
    events = [(event["id"], event["version"]) for event in stored.get("events", ())]
    own = [(new.id, version) for version, new in enumerate(commit.events, commit.expected + 1)]
    if stored.get("stream") == commit.stream and events == own:
        return False
    return ValidationFailed(
        f"the command {commit.command_id!r} is stored at position {stored['_id']} already, with other events"
    )
