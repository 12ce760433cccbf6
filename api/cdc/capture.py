"""Keeps the events of foreign documents equal to a collection: copies it first, then follows its changes.

The view equals the collection, because the last event of each document is about its last state:

1. The time T of the foreign server is stored, before anything is copied.
2. All documents are copied, each as it was at T or later. One that was recorded before and is missing now is
   recorded as deleted.
3. The changes after T are recorded in their order. Those that the copy contained already come once more;
   after the last of them, a document is what the collection contains. A document without a change since T is
   what the copy contained.

A process that is killed goes on from what is stored. A copy begins again, and records only what differs. A
change has a command id made of its resume token, so one that was recorded is not recorded again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic

from pydantic import JsonValue

from api.cdc.capture_states import CaptureState, CaptureStates
from api.cdc.change_reader import ChangeBatch, reading
from api.cdc.change_recorder import ChangeRecorder
from api.cdc.document_changes import DocumentChange, copied_document, missing_document, read_change
from api.cdc.foreign_collection import COPY_BATCH, ForeignCollection
from api.cdc.recorded_documents import recorded_documents
from domain.kernel import Scope
from domain.kernel.errors import Unavailable
from eventstore.log import EventLog
from subscriptions.feed.background import Backoff

TOKEN_INTERVAL = 10.0
"""Seconds after which the place in a stream without changes is stored: the server forgets old places."""

CATCH_UP_WAIT_MS = 50
"""Milliseconds to wait for a change if the capture ends where there is none."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class CaptureProgress:
    """What this run has done: documents read by a copy, and the events that it and changes have caused.

    `total` is about the number of documents of the collection.
    """

    is_copying: bool = False
    documents: int = 0
    total: int = 0
    copied: int = 0
    changes: int = 0


class CollectionCapture:
    """The capture of one collection under the name `source`, for the tenant of the scope.

    `on_progress` is called when a copy begins, after each batch, and when following begins.
    """

    def __init__(
        self,
        collection: ForeignCollection,
        source: str,
        scope: Scope,
        states: CaptureStates,
        recorder: ChangeRecorder,
        log: EventLog,
        on_progress: Callable[[CaptureProgress], None] = lambda progress: None,
    ) -> None:
        self.progress = CaptureProgress()
        self._collection = collection
        self._source = source
        self._scope = scope
        self._states = states
        self._recorder = recorder
        self._log = log
        self._on_progress = on_progress
        self._backoff = Backoff()

    async def run(self, *, copy_again: bool = False, until_caught_up: bool = False) -> None:
        """CollectionCapture until the task is cancelled, or until no change is left.

        With `copy_again` it copies the collection, whatever was copied before. Outages are waited for, except
        at the start. Raises ConfigurationError, ChangesLost and Unavailable.
        """
        await self._collection.check()
        await self._states.load()
        is_done = False
        while not is_done:
            try:
                if copy_again:
                    await self._begin_copy()
                    copy_again = False
                is_done = await self._go_on(until_caught_up=until_caught_up)
            except Unavailable as error:
                if not self._backoff.failures:
                    logger.warning("the capture of %s waits: %s", self._source, error)
                await asyncio.sleep(self._backoff.pause(error))

    async def _go_on(self, *, until_caught_up: bool) -> bool:
        """Return whether no change is left; False where the collection has to be copied again."""
        state = await self._states.load() or await self._begin_copy()
        if state.is_copying:
            state = await self._copy(state)
        self.progress.is_copying = False
        self._on_progress(self.progress)
        return await self._follow(state, until_caught_up=until_caught_up)

    async def _begin_copy(self) -> CaptureState:
        return await self._states.begin_copy(await self._collection.time())

    async def _copy(self, state: CaptureState) -> CaptureState:
        self.progress.is_copying = True
        self.progress.documents = 0
        self.progress.total = await self._collection.count()
        self._on_progress(self.progress)
        missing = await recorded_documents(self._log, self._scope.tenant, self._source)
        batch: list[DocumentChange] = []
        async with aclosing(self._collection.documents(state.start)) as documents:
            async for document in documents:
                batch.append(copied_document(self._source, document))
                if len(batch) == COPY_BATCH:
                    await self._record_copied(batch, missing)
                    batch = []
        await self._record_copied(batch, missing)
        deletions = [missing_document(self._source, key) for key in missing.values()]
        self.progress.copied += await self._recorder.record(deletions)
        return await self._states.end_copy(state)

    async def _record_copied(self, batch: Sequence[DocumentChange], missing: dict[str, JsonValue]) -> None:
        self.progress.copied += await self._recorder.record(batch)
        for change in batch:
            missing.pop(change.command.target, None)
        self.progress.documents += len(batch)
        self._backoff.reset()
        self._on_progress(self.progress)

    async def _follow(self, state: CaptureState, *, until_caught_up: bool) -> bool:
        stored_at = monotonic()
        end = await self._collection.time() if until_caught_up else None
        async with (
            self._collection.changes(state, CATCH_UP_WAIT_MS if until_caught_up else None) as stream,
            reading(self._collection, stream) as reader,
        ):
            while True:
                batch = await reader.next_batch()
                await self._record_changes(batch)
                if batch.has_ended:
                    await self._begin_copy()
                    return False
                is_due = bool(batch.changes) or monotonic() - stored_at > TOKEN_INTERVAL
                if is_due and batch.token is not None:
                    state = await self._states.advance(state, batch.token)
                    stored_at = monotonic()
                self._backoff.reset()
                if end is not None and batch.reaches(end):
                    return True

    async def _record_changes(self, batch: ChangeBatch) -> None:
        changes = [read_change(self._source, event) for event in batch.changes]
        self.progress.changes += await self._recorder.record(changes)
        if changes:
            self._on_progress(self.progress)
