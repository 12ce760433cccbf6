"""Live views: the rows that a subscriber asked for, then each change after the view has it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from eventstore.place import Place
from projections.live.aligned_reader import PastVisibility, ReadLimits, RowQuery
from projections.live.latest_changes import LatestChanges
from projections.live.messages import ChangeKind, LiveMessage, RowChange, RowDelta, Snapshot
from projections.live.view_source import ViewSource
from projections.live.view_tail import ViewTail
from projections.querying.filters import FieldCondition, Filter, parse_filter
from projections.querying.queries import ViewReader
from projections.querying.row_scope import RowScope
from projections.storage.rows import Row
from subscriptions.live.dispatcher import Dispatcher
from subscriptions.live.hub import Hub
from subscriptions.live.messages import MAX_LAG, StatusMessage
from subscriptions.live.ports import LiveStats, Renderer, WrapSource, keep_source
from subscriptions.live.renderer import SharedRenderer
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Sink, Subscription
from subscriptions.live.topic import Topic

ViewMessage = Snapshot | RowChange | StatusMessage

R = TypeVar("R")


class LiveView:
    """Serves the subscribers of one view. One that falls `max_lag` positions behind receives `Lagged`.

    `read_head` reads the end of the log, `past` which rows a subscriber could see before. `limits` bound what
    is kept for slow subscribers, `read_limits` what is read for new ones. The view is followed for `linger`
    seconds after the last subscriber has left. `wrap_source` may put another source in the place of the
    view's.
    """

    def __init__(
        self,
        reader: ViewReader,
        tail: ViewTail,
        read_head: Callable[[], Awaitable[int]],
        past: PastVisibility,
        *,
        max_lag: int = MAX_LAG,
        limits: RingLimits | None = None,
        read_limits: ReadLimits | None = None,
        linger: float = 0.0,
        wrap_source: WrapSource = keep_source,
    ) -> None:
        self.reader = reader
        self._view = reader.view
        self._source = ViewSource(reader, tail, read_head, past, read_limits or ReadLimits(), linger)
        source = wrap_source(self._view.name, self._source)
        self._hub: Hub[Row, LiveMessage] = Hub(
            self._source.dispatcher, source, max_lag=max_lag, limits=limits
        )

    @property
    def stats(self) -> LiveStats:
        """What was counted so far."""
        return self._hub.stats

    @property
    def dispatcher(self) -> Dispatcher[Row]:
        """What follows the changed rows of the view, for others that depend on them."""
        return self._source.dispatcher

    def id_filter(self, id: str) -> Filter:
        """Return the filter for the row of this id, whether it exists yet or not."""
        return FieldCondition("id", "eq", id)

    def parse_filter(self, filter: Mapping[str, Any] | None) -> Filter:
        """Return the filter that a client wrote. Raises ValidationFailed at ``filter``."""
        return parse_filter(self._view, filter)

    def open(
        self,
        scope: RowScope,
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
        """Deliver to the sink what `watch_rows` yields, as `LiveMessage`.

        Subscribers with equal keys have equal queries and renderers, and share a topic. With `latest_only` a
        subscriber that falls behind receives only the latest state of each row.
        """

        def open_topic() -> Topic[LiveMessage, R]:
            condense = _latest if latest_only else None
            shared = SharedRenderer(
                renderer(), self.stats, weigh, alternate_form=_as_added, condense=condense
            )
            return self._topic(RowQuery(scope, filter, first), shared)

        return self._hub.subscribe(key, open_topic, sink, after)

    def watch_row(
        self, scope: RowScope, id: str, after: Place | None = None
    ) -> AsyncGenerator[ViewMessage, None]:
        """Follow the row of this id, as `watch_rows` does, whether it exists yet or not."""
        return self._iterate(RowQuery(scope, self.id_filter(id), 1), after)

    def watch_rows(
        self,
        scope: RowScope,
        filter: Mapping[str, Any] | None = None,
        first: int | None = None,
        after: Place | None = None,
    ) -> AsyncGenerator[ViewMessage, None]:
        """Follow the scope's rows that meet the filter; a row that leaves the scope is removed.

        Without `after`, yield a `Snapshot` of the `first` rows, those that changed last, and `CaughtUp`. With
        it, yield each row that changed since once, in its present state, and `CaughtUp`; if that is too long
        ago, yield `CursorExpired` and go on as without it. Then yield each change of the subscriber's rows.

        Raises ValidationFailed at ``filter`` at once; the stream raises Unavailable.
        """
        return self._iterate(RowQuery(scope, self.parse_filter(filter), first), after)

    def _topic(self, query: RowQuery, renderer: SharedRenderer[LiveMessage, R]) -> Topic[LiveMessage, R]:
        return self._hub.topic(lambda topic: self._source.open(query, topic), renderer)

    async def _iterate(self, query: RowQuery, after: Place | None) -> AsyncGenerator[ViewMessage, None]:
        messages = self._hub.iterate(
            lambda topic: self._source.open(query, topic), after, alternate_form=_as_added
        )
        async with aclosing(messages):
            async for message in messages:
                yield message.change if isinstance(message, RowDelta) else message


def _as_added(message: LiveMessage) -> LiveMessage | None:
    """Return a change as a subscriber receives it that did not have the row before."""
    if not isinstance(message, RowDelta) or message.rank is None or message.change.kind is ChangeKind.REMOVED:
        return None
    return message.as_added()


def _latest(messages: Sequence[LiveMessage]) -> Sequence[LiveMessage]:
    latest = LatestChanges()
    for message in messages:
        if isinstance(message, RowDelta):
            latest.add(message.change)
    return [RowDelta(change, None) for change in latest.take()]
