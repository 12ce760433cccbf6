"""One for each view of a process: it follows the view's changes once, for all who watch it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING

from domain.kernel.errors import Unavailable
from eventstore.background import Backoff
from projections.live.filter_index import FilterIndex
from projections.live.recent_changes import RecentChanges
from projections.live.view_tail import ViewTail
from projections.querying.queries import ViewReader
from projections.storage.rows import Row, place
from subscriptions.feed.tail import Batch

if TYPE_CHECKING:
    from projections.live.result_set import RowDelta
    from projections.live.topic_source import RowTopicSource

logger = logging.getLogger(__name__)


class ViewDispatcher:
    """Tells what changes to those whom it may concern.

    `position` is how far it has told them: of the view they know everything up to there. `erasure` is the
    last one that was met, and `recent` are the rows that changed while somebody read. It runs only while
    somebody watches.
    """

    def __init__(self, reader: ViewReader, changes: ViewTail) -> None:
        self._reader = reader
        self._changes = changes
        self._index: FilterIndex[RowTopicSource] = FilterIndex()
        self._watched: set[RowTopicSource] = set()
        self._waiting: list[tuple[int, asyncio.Event]] = []
        self._task: asyncio.Task[None] | None = None
        self._begun: asyncio.Future[None] | None = None
        self._edition = 0
        self._erasure = 0
        self.recent = RecentChanges()
        self.position = 0

    @property
    def erasure(self) -> int:
        return self._changes.erasure

    def add(self, watched: RowTopicSource) -> None:
        """Tell it what concerns it, from now on."""
        self._watched.add(watched)
        self._index.add(watched, watched.tenant, watched.filter)

    def remove(self, watched: RowTopicSource) -> None:
        """Nobody is behind it any more."""
        if watched in self._watched:
            self._watched.remove(watched)
            self._index.remove(watched, watched.tenant)
        if not self._watched and self._task is not None:
            self._task.cancel()
            self._task = self._begun = None

    def hold(self, watched: RowTopicSource, id: str) -> None:
        """It holds this row, and wants to know of it whatever it becomes."""
        if watched in self._watched:
            self._index.hold(watched, watched.tenant, id)

    async def begun(self) -> None:
        """Wait until it runs, and has a position. Raises Unavailable."""
        if self._begun is None:
            self._begun = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(self._begun))
        await asyncio.shield(self._begun)

    async def reach(self, position: int, within: float) -> bool:
        """Wait until it has told everything up to `position`; False where `within` seconds are not enough."""
        if self.position >= position:
            return True
        self._changes.notify(position)
        told = asyncio.Event()
        self._waiting.append((position, told))
        try:
            async with asyncio.timeout(within):
                await told.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting = [one for one in self._waiting if one[1] is not told]
        return True

    async def _run(self, begun: asyncio.Future[None]) -> None:
        try:
            self.position = await self._changes.head()
            self._edition = self._reader.edition
        except Exception as error:
            self._begun = None
            begun.set_exception(error)
            # Who asked may be gone by now.
            begun.exception()
            return
        begun.set_result(None)
        backoff = Backoff()
        while True:
            try:
                await self._follow(backoff)
            except Exception as error:
                if not isinstance(error, Unavailable):
                    logger.exception("%s is not followed for now", self._reader.view.name)
                elif not backoff.failures:
                    logger.warning("%s is not followed for now: %s", self._reader.view.name, error)
                await asyncio.sleep(backoff.pause(error))

    async def _follow(self, backoff: Backoff) -> None:
        async with aclosing(self._changes.follow(self.position)) as batches:
            async for batch in batches:
                rows = await self._as_they_are(batch)
                self._see_erasure()
                self._see_edition()
                self._tell(rows, batch.position)
                backoff.reset()

    async def _as_they_are(self, batch: Batch[Row]) -> Sequence[Row]:
        """The rows; those that were read before an erasure are read again.

        One that has changed again by now comes again in its turn.
        """
        if self._changes.erasure == batch.erasure:
            return batch.items
        read = {row["_id"]: row for row in batch.items if row.get("_open")}
        again = {row["_id"]: row for row in await self._reader.stored_rows(list(read))} if read else {}
        return [
            again.get(row["_id"], row)
            for row in batch.items
            if row["_id"] not in read or (row["_id"] in again and place(again[row["_id"]]) == place(row))
        ]

    def _see_erasure(self) -> None:
        if self._erasure != self._changes.erasure:
            self._erasure = self._changes.erasure
            for watched in list(self._watched):
                watched.check()

    def _see_edition(self) -> None:
        edition = self._changes.edition
        if edition in (0, self._edition):
            return
        self._edition = edition
        for watched in self._watched:
            watched.renew()

    def _tell(self, rows: Sequence[Row], position: int) -> None:
        told: dict[RowTopicSource, list[RowDelta]] = {}
        for row in rows:
            self.recent.add(row)
            for watched in self._index.concerned(row):
                with isolate_failures(watched):
                    change = watched.take(row)
                    if change is not None:
                        told.setdefault(watched, []).append(change)
        for watched, changes in told.items():
            with isolate_failures(watched):
                self.publish(watched, changes)
        self.position = max(position, self.position)
        for wanted, told_of in self._waiting:
            if wanted <= self.position:
                told_of.set()

    def publish(self, watched: RowTopicSource, changes: Sequence[RowDelta]) -> None:
        """Tell it these changes of what it holds."""
        for change in changes:
            if change.rank is None:
                self._index.hold(watched, watched.tenant, change.changed.id)
            elif change.changed.id not in watched.held:
                self._index.let_go(watched, watched.tenant, change.changed.id)
        watched.tell(changes)


@contextmanager
def isolate_failures(watched: RowTopicSource) -> Iterator[None]:
    """What goes wrong with one group, as a row that its filter cannot compare, is nothing to the others."""
    try:
        yield
    except Exception as error:
        logger.exception("a group of subscribers is let go")
        watched.fail(error)
