"""Live views: the rows a subscriber asked for, then each change after the view has it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

from projections.live.aligned_reader import RowQuery
from projections.live.latest_changes import LatestChanges
from projections.live.result_set import ChangeKind, LiveMessage, RowChange, RowDelta, Snapshot
from projections.live.topic_source import RowTopicSource
from projections.live.view_dispatcher import ViewDispatcher
from projections.live.view_tail import ViewTail
from projections.querying.filters import Condition, Filter, parse_filter
from projections.querying.queries import ViewReader
from subscriptions.live.iterator import pull
from subscriptions.live.messages import MAX_LAG, Place, StatusMessage
from subscriptions.live.ports import LiveStats, Renderer
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Sink, Subscription
from subscriptions.live.topic import Topic

ViewMessage = Snapshot | RowChange | StatusMessage

Condense = Callable[[Sequence[LiveMessage]], Sequence[LiveMessage]]

R = TypeVar("R")


class LiveView:
    """Serves the subscribers of one view. Who falls `max_lag` positions behind is told `Lagged`.

    `head` tells the end of the log, `limits` bound what is kept for those who are slow, and `stats` counts.
    """

    def __init__(
        self,
        reader: ViewReader,
        changes: ViewTail,
        head: Callable[[], Awaitable[int]],
        *,
        max_lag: int = MAX_LAG,
        limits: RingLimits | None = None,
    ) -> None:
        self._reader = reader
        self._head = head
        self._max_lag = max_lag
        self._dispatcher = ViewDispatcher(reader, changes)
        self._limits = limits or RingLimits()
        self._groups: dict[Hashable, Topic[LiveMessage, Any]] = {}
        self.stats = LiveStats()

    def one(self, id: str) -> Filter:
        """What `open` takes for the row of this id, whether it exists yet or not."""
        return Condition("id", "eq", id)

    def many(self, filter: Mapping[str, Any] | None) -> Filter:
        """What `open` takes for the rows that meet the filter; raises ValidationFailed at ``filter``."""
        return parse_filter(self._reader.view, filter)

    def open(
        self,
        tenant: str,
        filter: Filter,
        first: int | None,
        after: Place | None,
        sink: Sink[R],
        *,
        key: Hashable,
        renderer: Callable[[], Renderer[LiveMessage, R]],
        weigh: Callable[[R], int],
        latest_only: bool = False,
    ) -> Subscription:
        """Tell the sink what `watch_many` tells; who gives the same `key` asks for the same in the same form.

        With `latest_only` one that is slow is told the last state of each row alone.
        """
        found = self._groups.get(key)
        if found is None:
            condense, left = _latest if latest_only else None, partial(self._groups.pop, key)
            found = self._group(tenant, filter, first, renderer(), weigh, condense, left)
            self._groups[key] = found
        return found.join(sink, after)

    def _group(
        self,
        tenant: str,
        filter: Filter,
        first: int | None,
        renderer: Renderer[LiveMessage, R],
        weigh: Callable[[R], int],
        condense: Condense | None = None,
        left: Callable[[], object] = lambda: None,
    ) -> Topic[LiveMessage, R]:
        asked = RowQuery(tenant, filter, first)
        watched = RowTopicSource(self._dispatcher, self._reader, self._head, self._max_lag, asked, left)
        parts = (watched, renderer, self.stats, self._limits)
        group: Topic[LiveMessage, R] = Topic(*parts, weigh=weigh, other=_other, condense=condense)
        watched.attach(group)
        return group

    def watch_one(
        self, tenant: str, id: str, after: Place | None = None
    ) -> AsyncGenerator[ViewMessage, None]:
        """As `watch_many`, for the row of this id, whether it exists yet or not."""
        return self._pulled(tenant, self.one(id), 1, after)

    def watch_many(
        self,
        tenant: str,
        filter: Mapping[str, Any] | None = None,
        first: int | None = None,
        after: Place | None = None,
    ) -> AsyncGenerator[ViewMessage, None]:
        """The tenant's rows that meet the filter, live.

        Without `after`: a `Snapshot` of the `first` rows, those that changed last, and `CaughtUp`. With it:
        each row that changed since, once, as it is now, and `CaughtUp`; where that is too long ago,
        `CursorExpired` and what is told without it. Then each change of what is held. Raises
        ValidationFailed at ``filter``, at once; the stream raises Unavailable where MongoDB does not answer.
        """
        return self._pulled(tenant, self.many(filter), first, after)

    async def _pulled(
        self, tenant: str, filter: Filter, first: int | None, after: Place | None
    ) -> AsyncGenerator[ViewMessage, None]:
        def found(
            renderer: Renderer[LiveMessage, LiveMessage | StatusMessage],
        ) -> Topic[LiveMessage, LiveMessage | StatusMessage]:
            return self._group(tenant, filter, first, renderer, lambda _message: 1)

        async with aclosing(pull(found, after)) as told:
            async for message in told:
                yield message.changed if isinstance(message, RowDelta) else message


def _other(message: LiveMessage) -> LiveMessage | None:
    """As one is told it who did not hold the row before."""
    if (
        not isinstance(message, RowDelta)
        or message.rank is None
        or message.changed.kind is ChangeKind.REMOVED
    ):
        return None
    return message.added()


def _latest(messages: Sequence[LiveMessage]) -> Sequence[LiveMessage]:
    latest = LatestChanges()
    for message in messages:
        if isinstance(message, RowDelta):
            latest.add(message.changed)
    return [RowDelta(change, None) for change in latest.take()]
