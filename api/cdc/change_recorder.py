"""Records changes through the command bus: those of one document in order, those of others at once."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

from api.cdc.document_changes import DocumentChange
from domain.dispatch import CommandBus
from domain.kernel import Envelope, Scope
from domain.kernel.errors import CommandIdReused, ConcurrencyConflict, Unavailable
from domain.kernel.limit_errors import Overloaded
from subscriptions.feed.background import Backoff

CONCURRENCY = 64
"""Documents whose changes are recorded at a time."""

logger = logging.getLogger(__name__)


class ChangeRecorder:
    """Records the changes of one foreign collection, which is the `origin` of their events."""

    def __init__(self, bus: CommandBus, scope: Scope, origin: str) -> None:
        self._bus = bus
        self._scope = scope
        self._origin = origin
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def record(self, changes: Iterable[DocumentChange]) -> int:
        """Record the changes, and return how many of them have caused an event now.

        While a server is out of reach, it waits and tries again.
        """
        by_document: dict[str, list[DocumentChange]] = defaultdict(list)
        for change in changes:
            by_document[change.command.target].append(change)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._record_in_order(each)) for each in by_document.values()]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return sum(task.result() for task in tasks)

    async def _record_in_order(self, changes: Sequence[DocumentChange]) -> int:
        async with self._slots:
            return sum([await self._record(change) for change in changes])

    async def _record(self, change: DocumentChange) -> bool:
        envelope = Envelope(
            change.command,
            self._scope,
            command_id=change.command_id,
            source=self._origin,
            occurred=change.occurred,
        )
        backoff = Backoff()
        while True:
            try:
                receipt = await self._bus.dispatch(envelope)
                return receipt.changed and not receipt.replayed
            except CommandIdReused as reused:
                # The change was recorded before, with the document as it was at that time.
                if reused.stream != change.command.target:
                    raise
                return False
            except (Unavailable, Overloaded, ConcurrencyConflict) as error:
                if not backoff.failures:
                    logger.warning("changes of %s wait: %s", self._origin, error)
                await asyncio.sleep(backoff.pause(error))
