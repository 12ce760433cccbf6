"""Live queries: any query, executed once for all subscribers of a topic, again after changes."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from domain.kernel.limit_errors import Overloaded
from eventstore.mongo.group_reads import GroupReads
from eventstore.place import Place
from projections.live.live_view import LiveView
from projections.live.query_executions import QueryExecutions
from projections.live.query_messages import C, LiveQuery, QueryResult
from projections.live.query_topic_source import QueryTopicSource
from projections.live.view_dependents import QueryProgress, ViewDependents
from subscriptions.live.broadcast import Broadcast
from subscriptions.live.ports import LiveStats, Publisher, Renderer
from subscriptions.live.renderer import SharedRenderer
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Sink, Subscription
from subscriptions.live.topic import Topic

R = TypeVar("R")

MAX_EXECUTIONS = 4
"""Live queries that are executed at a time; the rest of the process belongs to other requests."""


class QueryLimits(NamedTuple):
    """The maximum number of different live queries of a process and of one tenant.

    A read of a view's position takes at most `seconds`.
    """

    queries: int
    per_tenant: int
    seconds: float


class LiveQueries:
    """Serves the live queries of a process. `views` are those that queries may read, by name."""

    def __init__(self, views: Mapping[str, LiveView], limits: QueryLimits, ring_limits: RingLimits) -> None:
        self.stats = LiveStats()
        self._limits = limits
        self._ring_limits = ring_limits
        reads = GroupReads(limits.seconds)
        self._views = {
            name: ViewDependents(view.dispatcher, view.reader, reads) for name, view in views.items()
        }
        self._topics: dict[Hashable, Topic[QueryResult[Any], Any]] = {}
        self._tenants: Counter[str] = Counter()
        self._turns = asyncio.Semaphore(MAX_EXECUTIONS)

    def open(
        self,
        sink: Sink[R],
        after: Place | None,
        *,
        key: Hashable,
        query: Callable[[], LiveQuery[C]],
        renderer: Callable[[], Renderer[QueryResult[C], R]],
        weigh: Callable[[R], int],
        latest_only: bool,
    ) -> Subscription:
        """Deliver the present result to the sink, then each other result.

        Subscribers with equal keys have equal queries and renderers, and share a topic. With `latest_only` a
        subscriber that falls behind receives only the latest result. One that resumes `after` a place
        receives nothing until something has changed since. Raises Overloaded if there are too many queries.
        """
        topic = self._topics.get(key)
        if topic is None:
            live_query = query()
            self._check_room(live_query.tenant)
            topic = self._open_topic(key, live_query, renderer(), weigh, latest_only=latest_only)
        return topic.join(sink, after)

    def _check_room(self, tenant: str) -> None:
        for count, limit, owner in (
            (self._tenants.total(), self._limits.queries, "this server"),
            (self._tenants[tenant], self._limits.per_tenant, "your tenant"),
        ):
            if count >= limit:
                raise Overloaded(
                    f"{owner} has {limit} different live queries already: end one, or try again later; "
                    "subscriptions with the same document and variables count once"
                )

    def _open_topic(
        self,
        key: Hashable,
        query: LiveQuery[C],
        renderer: Renderer[QueryResult[C], R],
        weigh: Callable[[R], int],
        *,
        latest_only: bool,
    ) -> Topic[QueryResult[C], R]:
        views = [self._views[name] for name in query.dependencies]
        progress = QueryProgress(views)
        # A rendering executes nothing here, so `stats` does not count it as an execution.
        shared = SharedRenderer(renderer, LiveStats(), weigh, condense=_last if latest_only else None)
        broadcast = Broadcast(
            shared, progress, self._ring_limits, self.stats, max_lag=sys.maxsize, sends_caught_up=False
        )

        def open_source(topic: Publisher[QueryResult[C]]) -> QueryTopicSource[C]:
            executions = QueryExecutions(
                query,
                progress,
                self._turns,
                self.stats,
                on_result=lambda result: topic.publish([result]),
                on_failure=topic.fail,
            )
            for name, row_filter in query.dependencies.items():
                self._views[name].add(executions, query.tenant, row_filter)

            def close() -> None:
                for view in views:
                    view.remove(executions)

            return QueryTopicSource(executions, close)

        topic = self._topics[key] = Topic(
            broadcast, open_source, lambda _topic: self._remove(key, query.tenant)
        )
        self._tenants[query.tenant] += 1
        return topic

    def _remove(self, key: Hashable, tenant: str) -> None:
        del self._topics[key]
        self._tenants[tenant] -= 1
        if not self._tenants[tenant]:
            del self._tenants[tenant]


def _last(results: Sequence[QueryResult[C]]) -> Sequence[QueryResult[C]]:
    return results[-1:]
