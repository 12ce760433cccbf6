"""A view as a source: turns changed rows into messages for the topics that they concern."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from projections.live.aligned_reader import AlignedReader, PastVisibility, ReadLimits, RowQuery
from projections.live.filter_index import FilterIndex
from projections.live.messages import LiveMessage, RowDelta
from projections.live.recent_changes import RecentChanges
from projections.live.shared_rows import SharedRows
from projections.live.view_tail import ViewTail
from projections.live.view_topic_source import ViewTopicSource
from projections.querying.queries import ViewReader
from projections.storage.rows import Row
from subscriptions.live.dispatcher import Dispatcher
from subscriptions.live.ports import Publisher

logger = logging.getLogger(__name__)


class ViewSource:
    """Follows the tail of one view, with a `ViewTopicSource` for each topic.

    `read_head` reads the end of the log, `past` which rows a subscriber could see before.
    """

    def __init__(
        self,
        reader: ViewReader,
        tail: ViewTail,
        read_head: Callable[[], Awaitable[int]],
        past: PastVisibility,
        limits: ReadLimits,
        linger: float = 0.0,
    ) -> None:
        self._reader = reader
        self._past = past
        self._tail = tail
        self._read_head = read_head
        self._limits = limits
        self._index: FilterIndex[SharedRows] = FilterIndex()
        self._topics: set[ViewTopicSource] = set()
        self._recent = RecentChanges()
        self._edition = 0
        self.dispatcher: Dispatcher[Row] = Dispatcher(tail, self._start, linger)

    def open(self, query: RowQuery, topic: Publisher[LiveMessage]) -> ViewTopicSource:
        """Publish to the topic from now on. Return its part of this source."""
        reader = AlignedReader(self.dispatcher, self._reader, self._past, query, self._limits)
        rows = SharedRows(query, reader, self._recent, self._index, topic)
        source = ViewTopicSource(rows, self._read_head, self._topics.discard)
        self._topics.add(source)
        return source

    def publish(self, items: Sequence[Row]) -> None:
        self._refresh_after_rebuild()
        batches: dict[SharedRows, list[RowDelta]] = {}
        for row in items:
            self._recent.add(row)
            for rows in self._index.concerned(row):
                try:
                    delta = rows.apply(row)
                except Exception as error:
                    _fail(rows, error)
                else:
                    if delta is not None:
                        batches.setdefault(rows, []).append(delta)
        for rows, deltas in batches.items():
            try:
                rows.publish(deltas)
            except Exception as error:
                _fail(rows, error)

    async def _start(self) -> int:
        position = await self._tail.head()
        self._tail.begin_floor(position)
        self._edition = self._reader.edition
        return position

    def _refresh_after_rebuild(self) -> None:
        edition = self._tail.edition
        if edition not in (0, self._edition):
            self._edition = edition
            for topic in self._topics:
                topic.refresh()


def _fail(rows: SharedRows, error: Exception) -> None:
    """End the streams of one topic: its filter cannot compare a row, which concerns no other topic."""
    logger.error("the streams of a topic end", exc_info=error)
    rows.fail(error)
