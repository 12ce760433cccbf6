"""The executions of one live query: after changes that concern it, and no more often than it allows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Generic

from domain.kernel.errors import Unavailable
from domain.kernel.limit_errors import OperationTimedOut
from eventstore.place import Place
from projections.live.query_messages import C, LiveQuery, QueryResult
from projections.live.view_dependents import QueryProgress
from subscriptions.feed.background import BackgroundLoop
from subscriptions.live.ports import LiveStats

logger = logging.getLogger(__name__)

SOON = 1.0
"""Seconds for which a new subscriber waits for the next execution, rather than get the result of the last."""

REST = 2
"""An execution is followed by another one after this many times of its own duration, at the earliest."""


class QueryExecutions(Generic[C]):
    """Executes a live query again when its result may have changed, and keeps the latest result.

    Executions of all queries of a process take `turns`, and `stats` counts them. `on_result` is called with
    each result that differs from the one before, `on_failure` with an error after which nothing follows.
    Without changes there is no task.
    """

    def __init__(
        self,
        query: LiveQuery[C],
        progress: QueryProgress,
        turns: asyncio.Semaphore,
        stats: LiveStats,
        on_result: Callable[[QueryResult[C]], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self.result: QueryResult[C] | None = None
        self._query = query
        self._progress = progress
        self._turns = turns
        self._stats = stats
        self._on_result = on_result
        self._on_failure = on_failure
        self._due = 0.0
        # The result contains `covered` of the `changes`; the first one stands for everything before.
        self._changes = 1
        self._covered = 0
        self._changed_at = 0
        self._known_from: int | None = None
        self._execution: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = BackgroundLoop(self._execute, "a live query is not executed", logger)

    def mark_changed(self, position: int) -> None:
        """Execute the query again, because a row that it reads may have changed at this position."""
        self._changes += 1
        self._changed_at = max(self._changed_at, position)
        self._loop.start()

    def close(self) -> None:
        """Execute no more."""
        self._loop.cancel()

    async def reach_present(self) -> None:
        """Wait until all changes that the views contain now are known here."""
        await self._progress.reach_present()
        if self._known_from is None:
            # A view may be ahead of the others: what it published before is not known here.
            self._known_from = self._progress.highest

    async def cover_changes(self) -> None:
        """Wait until `result` contains all known changes. Raises the error of a failed execution."""
        changes = self._changes
        while self._covered < changes:
            self._loop.start()
            await self.next_execution()

    async def next_execution(self) -> None:
        """Wait until the query was executed once more. Raises the error of a failed execution."""
        await asyncio.shield(self._execution)

    @property
    def has_lasting_result(self) -> bool:
        """Whether the last result may be delivered now, because the next execution is not soon."""
        is_soon = self._due - monotonic() <= SOON
        return (
            not is_soon and self.result is not None and self.result.place.position >= self._progress.erasure
        )

    def is_unchanged_since(self, after: Place) -> bool:
        """Return whether no change after this place concerns the query, as far as that is known.

        Only then a subscriber that resumes there needs no message: another server may have sent it a state
        that has changed twice since, back to what it was here.
        """
        known_from, position = self._known_from, after.position
        return (
            known_from is not None
            and known_from <= position <= self._progress.position
            and self._changed_at <= position
            and self._progress.edition_since < position
            and (self.result is None or self.result.place <= after)
        )

    async def _execute(self) -> float | None:
        """Execute the query if its result may have changed; return the seconds until the next look."""
        if self._covered == self._changes:
            return None
        if (wait := self._due - monotonic()) > 0:
            return wait
        async with self._turns:
            self._stats.executions += 1
            begun, changes, place = monotonic(), self._changes, Place(self._progress.position)
            try:
                content = await self._query.execute()
            except Exception as error:
                if self._may_succeed_later(error):
                    self._due = monotonic() + REST * (monotonic() - begun)
                    raise
                self._fail(error)
                return None
        self._due = begun + max(self._query.interval, REST * (monotonic() - begun))
        self._covered = changes
        self._keep(place, content)
        return 0.0

    def _may_succeed_later(self, error: Exception) -> bool:
        """Return whether to try again; a subscriber that has nothing yet learns of the error at once."""
        is_outage = isinstance(error, Unavailable) and not isinstance(error, OperationTimedOut)
        return is_outage and self.result is not None

    def _keep(self, place: Place, content: C) -> None:
        before = self.result
        self.result = QueryResult(place, content)
        if before is not None and before.content != content:
            self._on_result(QueryResult(place, content, before.content))
        self._next_future().set_result(None)

    def _fail(self, error: Exception) -> None:
        execution = self._next_future()
        execution.set_exception(error)
        # If no subscriber waits, asyncio must not report the error as unhandled.
        execution.exception()
        self._on_failure(error)

    def _next_future(self) -> asyncio.Future[None]:
        """Return the future of the present execution, and make that of the next one."""
        execution, self._execution = self._execution, asyncio.get_running_loop().create_future()
        return execution
