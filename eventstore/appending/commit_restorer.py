"""Appending the commits of another log as they were recorded there, in its order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bson.raw_bson import RawBSONDocument

from domain.dispatch.ports import Clock, NewCommit
from domain.kernel.errors import ConcurrencyConflict, NerveError, Unavailable, ValidationFailed
from eventstore.appending.commit_inserter import CommitInserter, InsertFailure
from eventstore.appending.position_allocator import PositionAllocator
from eventstore.commit_documents import encode_commit, is_same_commit, with_position
from eventstore.mongo.driver import Document, unavailable_if_down
from eventstore.mongo.log_collections import LogCollections
from eventstore.options import CounterOptions
from eventstore.personal.sealing import NO_SEALED_PARTS, SealedParts, UnsealedParts
from eventstore.personal.vault import Vault
from eventstore.reading.stream_reader import StreamReader, Tip

StreamKey = tuple[str, str]
"""Tenant and stream."""

RestoreOutcome = bool | NerveError
"""True: stored now. False: this very commit was stored before. An error: why it cannot be stored."""

NO_OUTCOME = Unavailable("the log did not confirm the commit; restore it again")


@dataclass(slots=True)
class _RestoredCommit:
    commit: NewCommit
    outcome: RestoreOutcome = NO_OUTCOME
    sealed: SealedParts = NO_SEALED_PARTS
    encoded: bytes = b""

    @property
    def stream(self) -> StreamKey:
        return self.commit.tenant, self.commit.stream

    @property
    def version(self) -> int:
        return self.commit.expected + len(self.commit.events)

    def document(self, position: int, time: datetime) -> RawBSONDocument:
        """Return the document to insert; it also keeps the other log's record time where `time` differs."""
        original = self.commit.at
        if time == original:
            return with_position(self.encoded, position)
        recorded, occurred = self.commit.recorded or original, self.commit.occurred or original
        commit = replace(self.commit, at=time, recorded=recorded, occurred=occurred)
        return with_position(encode_commit(commit, self.sealed), position)


class CommitRestorer:
    """Inserts whole batches in order, without the append queue.

    The server stops at the first commit that it refuses. So what lands is always the first part of a batch,
    and the order of the other log is kept even when the process is killed. The guards are those of every
    append: a second run finds all commits stored. Record times are kept where they are past and in order;
    otherwise a commit gets another record time, and keeps its own too.
    """

    def __init__(
        self,
        collections: LogCollections,
        streams: StreamReader,
        inserter: CommitInserter,
        vault: Vault,
        clock: Clock,
        announce: Callable[[int], None],
    ) -> None:
        self._collections = collections
        # A window of 0, since a batch is larger than what the holder of the counter may have in flight.
        self._positions = PositionAllocator(collections, clock, 0, CounterOptions())
        self._streams = streams
        self._inserter = inserter
        self._vault = vault
        self._clock = clock
        self._announce = announce
        self._latest: datetime | None = None
        """The last record time that was given out here, or that a commit restored before has."""

    async def store(self, commits: Sequence[NewCommit]) -> list[RestoreOutcome]:
        """Store the commits in this order, and return the outcome of each.

        A commit that builds on a refused one is refused too. Raises Unavailable where MongoDB does not answer
        in time; then any first part of the batch may be stored, and the same call completes it later.
        """
        batch = [_RestoredCommit(replace(commit, restored=True)) for commit in commits]
        with unavailable_if_down():
            await self._insert(await self._seal(await self._new_commits(batch)))
        return [restored.outcome for restored in batch]

    async def close(self) -> None:
        """Return when the counter knows all positions that were taken."""
        await self._positions.close()

    async def _new_commits(self, batch: Sequence[_RestoredCommit]) -> list[_RestoredCommit]:
        """Return the commits that are to be stored, and set the outcomes of the others."""
        stored = await self._stored(batch)
        versions: dict[StreamKey, int] = {}
        new = []
        for restored in batch:
            commit = restored.commit
            document = stored.get((commit.tenant, commit.command_id))
            if document is not None:
                restored.outcome = _outcome_of_stored(commit, document)
                self._latest = max(document["at"], self._latest or document["at"])
                continue
            version = versions.get(restored.stream) or await self._version(commit)
            if version == commit.expected:
                new.append(restored)
                version = restored.version
            else:
                restored.outcome = ConcurrencyConflict(commit.stream, commit.expected, version)
            versions[restored.stream] = version
        return new

    async def _stored(self, batch: Sequence[_RestoredCommit]) -> dict[tuple[str, str], Document]:
        """Return the stored commits of the same commands, by tenant and command id."""
        commands: dict[str, list[str]] = {}
        for restored in batch:
            commands.setdefault(restored.commit.tenant, []).append(restored.commit.command_id)
        return {
            (tenant, document["command"]["id"]): document
            for tenant, ids in commands.items()
            for document in await self._collections.commits_of(tenant, ids)
        }

    async def _version(self, commit: NewCommit) -> int:
        tip = self._streams.known_tip(commit.tenant, commit.stream)
        if tip.version >= commit.expected:
            return tip.version
        return (await self._streams.tip(commit.tenant, commit.stream, tip.version) or tip).version

    async def _seal(self, batch: Sequence[_RestoredCommit]) -> list[_RestoredCommit]:
        """Encode the commits with their personal data sealed; return those that can be stored."""
        prepared: list[tuple[_RestoredCommit, UnsealedParts]] = []
        for restored in batch:
            try:
                prepared.append((restored, self._vault.prepare(restored.commit)))
            except NerveError as error:
                restored.outcome = error
        results: Sequence[SealedParts | NerveError] = [NO_SEALED_PARTS] * len(prepared)
        if any(unsealed for _, unsealed in prepared):
            results = await self._vault.seal([(restored.commit, unsealed) for restored, unsealed in prepared])
        for (restored, _), result in zip(prepared, results, strict=True):
            try:
                if isinstance(result, NerveError):
                    raise result
                restored.encoded, restored.sealed = encode_commit(restored.commit, result), result
            except NerveError as error:
                restored.outcome = error
        return _storable(batch)

    async def _insert(self, batch: Sequence[_RestoredCommit]) -> None:
        remaining = list(batch)
        while remaining:
            floor = max(self._streams.known_tip(*restored.stream).position for restored in remaining)
            first, times = await self._positions.take(await self._times(remaining), floor)
            self._latest = times[-1]
            documents = {
                position: restored.document(position, time)
                for position, (restored, time) in enumerate(zip(remaining, times, strict=True), first)
            }
            failures = await self._inserter.insert(documents, ordered=True)
            landed, failure = await self._landed(remaining, first, failures)
            for position, restored in enumerate(remaining[:landed], first):
                restored.outcome = True
                self._streams.remember_tip(*restored.stream, Tip(restored.version, position))
            remaining = remaining[landed:]
            if remaining and failure in (InsertFailure.VERSION, InsertFailure.COMMAND):
                remaining[0].outcome = await self._outcome_of_refused(remaining[0].commit)
                remaining[0].encoded = b""
                remaining = _storable(remaining)
            if remaining:
                await self._positions.share()
            self._announce(first + landed - 1)

    async def _landed(
        self, batch: Sequence[_RestoredCommit], first: int, failures: dict[int, InsertFailure]
    ) -> tuple[int, InsertFailure | None]:
        """Return how many commits landed from position `first` on, and why the next one did not."""
        if not failures:
            return len(batch), None
        if InsertFailure.UNKNOWN in failures.values():
            raise Unavailable("MongoDB did not confirm the commits in time; restore them again")
        refused = min(failures)
        stored = (await self._inserter.close(failures)).get(refused)
        landed = refused - first
        if stored is not None and is_same_commit(batch[landed].commit, stored):
            # The driver repeated the write, and met its own first attempt.
            return landed + 1, None
        return landed, failures[refused]

    async def _times(self, batch: Sequence[_RestoredCommit]) -> list[datetime]:
        """Return the record times to ask for: the original ones, as long as none of them goes back.

        A time that is still to come, or that lies before what other processes have written to this log since,
        cannot be a record time here: such a commit is recorded now.
        """
        now, floor = self._clock(), await self._positions.latest()
        is_in_order = floor == self._latest
        times = []
        for restored in batch:
            original = restored.commit.at
            times.append(original if original <= now and (is_in_order or original >= floor) else now)
            is_in_order, floor = True, max(floor, times[-1])
        return times

    async def _outcome_of_refused(self, commit: NewCommit) -> RestoreOutcome:
        """Return the outcome of a commit that a guard refused: another process writes to the log too."""
        stored = await self._collections.commit_of(commit.tenant, commit.command_id)
        if stored is not None:
            return _outcome_of_stored(commit, stored)
        tip = await self._streams.tip(commit.tenant, commit.stream, commit.expected)
        return ConcurrencyConflict(commit.stream, commit.expected, tip.version if tip else 0)


def _storable(batch: Sequence[_RestoredCommit]) -> list[_RestoredCommit]:
    """Return the commits that can be stored, and refuse those that build on one that cannot."""
    broken: dict[StreamKey, int] = {}
    storable = []
    for restored in batch:
        commit = restored.commit
        if restored.stream in broken:
            restored.outcome = ConcurrencyConflict(commit.stream, commit.expected, broken[restored.stream])
        elif not restored.encoded:
            broken[restored.stream] = commit.expected
        else:
            storable.append(restored)
    return storable


def _outcome_of_stored(commit: NewCommit, stored: Document) -> RestoreOutcome:
    """Return False where the document is this very commit, and an error for other events."""
    stored_events = [(event["id"], event["version"]) for event in stored.get("events", ())]
    events = [(new.id, version) for version, new in enumerate(commit.events, commit.expected + 1)]
    if stored.get("stream") == commit.stream and stored_events == events:
        return False
    return ValidationFailed(
        f"the command {commit.command_id!r} is stored at position {stored['_id']} already, with other events"
    )
