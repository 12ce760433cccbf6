"""Topics of live queries on several servers over one view in memory, and their subscribers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.kernel.errors import Unavailable
from eventstore.place import Place
from projections.live.query_executions import QueryExecutions
from projections.live.query_messages import LiveQuery, QueryResult
from projections.live.query_topic_source import QueryTopicSource
from subscriptions.live.broadcast import Broadcast
from subscriptions.live.ports import LiveStats
from subscriptions.live.renderer import SharedRenderer
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Chunk
from subscriptions.live.topic import Topic


@dataclass
class MemoryView:
    """What all servers read: the present value, and the position of its last change.

    The query reads a second view too, which has no changes and is at `other_position`.
    """

    value: int = 0
    head: int = 1
    other_position: int = 1
    edition_since: int = 0

    def change(self, value: int) -> None:
        self.head += 1
        self.value = value


class PlainResultRenderer:
    """Leaves results as they are."""

    def render(self, message: Any) -> Any:
        return message

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        return [{"message": str(error)}]


class QuerySink:
    """One subscriber: the content that it has, and results that do not follow it."""

    def __init__(self, *, latest_only: bool) -> None:
        self.content: int | None = None
        self.place: Place | None = None
        self.wrong: list[QueryResult[int]] = []
        self.received = 0
        self.errors: Sequence[dict[str, Any]] | None = None
        self.subscription: Any = None
        self._latest_only = latest_only

    def deliver(self, chunk: Chunk[QueryResult[int]]) -> None:
        for result in chunk.results:
            follows = result.before in (None, self.content) or self._latest_only
            if not follows or (self.place is not None and result.place < self.place):
                self.wrong.append(result)
            self.content, self.place, self.received = result.content, result.place, self.received + 1

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        self.errors = errors


@dataclass
class QueryServer:
    """One server: it has `published` changes up to a position, and executes the query for one topic."""

    view: MemoryView
    latest_only: bool = False
    limits: RingLimits = field(default_factory=RingLimits)
    interval: float = 0.0
    error: Exception | None = None
    published: int = 1
    erasure: int = 0

    def __post_init__(self) -> None:
        self.stats = LiveStats()
        self.topic: Topic[QueryResult[int], Any] | None = None
        self._executions: QueryExecutions[int] | None = None

    @property
    def position(self) -> int:
        return min(self.published, self.view.other_position)

    @property
    def highest(self) -> int:
        return max(self.published, self.view.other_position)

    @property
    def edition_since(self) -> int:
        return self.view.edition_since

    async def reach_present(self) -> None:
        await asyncio.sleep(0)
        self.advance(self.view.head)

    def advance(self, upto: int) -> None:
        """Publish the changes up to this position."""
        while self.published < min(upto, self.view.head):
            if self._executions is not None:
                self._executions.mark_changed(self.published + 1)
            self.published += 1

    def join(self, sink: QuerySink, after: Place | None = None) -> QuerySink:
        """Add the subscriber to the topic, which is opened for the first one."""
        if self.topic is None:
            self.topic = self._open()
        sink.subscription = self.topic.join(sink, after)
        return sink

    def _open(self) -> Topic[QueryResult[int], Any]:
        shared: SharedRenderer[Any, Any] = SharedRenderer(
            PlainResultRenderer(),
            LiveStats(),
            lambda _result: 10,
            condense=_last if self.latest_only else None,
        )
        progress: Any = self
        broadcast = Broadcast(
            shared, progress, self.limits, self.stats, max_lag=sys.maxsize, sends_caught_up=False
        )

        def open_source(topic: Any) -> QueryTopicSource[int]:
            query = LiveQuery("default", {}, self.interval, self._execute)
            self._executions = QueryExecutions(
                query,
                progress,
                asyncio.Semaphore(4),
                self.stats,
                on_result=lambda result: topic.publish([result]),
                on_failure=topic.fail,
            )
            return QueryTopicSource(self._executions, lambda: None)

        return Topic(broadcast, open_source, self._close)

    def _close(self, _topic: Any) -> None:
        self.topic = self._executions = None

    async def _execute(self) -> int:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        value = self.view.value
        for _ in range(4):
            await asyncio.sleep(0)
        return value


OUTAGE = Unavailable("MongoDB does not answer")


def _last(results: Sequence[Any]) -> Sequence[Any]:
    return results[-1:]
