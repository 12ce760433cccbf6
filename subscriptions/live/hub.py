"""The topics of one source: subscribers with equal keys share a topic."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from eventstore.place import Place
from subscriptions.live.broadcast import Broadcast
from subscriptions.live.dispatcher import Dispatcher
from subscriptions.live.iterator import PlainRenderer, iterate
from subscriptions.live.messages import MAX_LAG, StatusMessage
from subscriptions.live.ports import LiveStats, M, Publisher, Source, TopicSource
from subscriptions.live.renderer import SharedRenderer
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Sink, Subscription
from subscriptions.live.topic import Topic

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

OpenSource = Callable[[Publisher[M]], TopicSource[M]]


class Hub(Generic[T, M]):
    """Keeps the topics of `source`, and gives it what `dispatcher` reads while there is a topic.

    A subscriber that falls more than `max_lag` positions behind, after it has caught up, and that the ring
    does not serve any more, receives `Lagged`. `limits` bound what is kept for slow subscribers.
    """

    def __init__(
        self,
        dispatcher: Dispatcher[T],
        source: Source[T],
        *,
        max_lag: int = MAX_LAG,
        limits: RingLimits | None = None,
    ) -> None:
        self.stats = LiveStats()
        self._dispatcher = dispatcher
        self._source = source
        self._max_lag = max_lag
        self._limits = limits or RingLimits()
        self._topics: dict[Topic[M, Any], Hashable] = {}
        self._topics_by_key: dict[Hashable, Topic[M, Any]] = {}
        self._erasure = dispatcher.erasure

    def subscribe(
        self, key: Hashable, open_topic: Callable[[], Topic[M, R]], sink: Sink[R], after: Place | None
    ) -> Subscription:
        """Add a subscriber to the topic of this key, which `open_topic` makes if there is none."""
        topic = self._topics_by_key.get(key)
        if topic is None:
            topic = self._topics_by_key[key] = open_topic()
            self._topics[topic] = key
        return topic.join(sink, after)

    def iterate(
        self,
        open_source: OpenSource[M],
        after: Place | None,
        *,
        alternate_form: Callable[[M], M | None] = lambda _message: None,
    ) -> AsyncGenerator[M | StatusMessage, None]:
        """Yield the messages of a topic of its own, for a consumer inside the process."""
        plain: PlainRenderer[M] = PlainRenderer()
        renderer: SharedRenderer[M, M | StatusMessage] = SharedRenderer(
            plain, self.stats, lambda _message: 1, alternate_form=alternate_form
        )
        return iterate(lambda: self.topic(open_source, renderer), plain, after)

    def topic(self, open_source: OpenSource[M], renderer: SharedRenderer[M, R]) -> Topic[M, R]:
        """Make a topic, which lives until its last subscriber leaves."""
        broadcast = Broadcast(renderer, self._dispatcher, self._limits, self.stats, max_lag=self._max_lag)
        topic = Topic(broadcast, open_source, self._remove)
        self._topics[topic] = None
        self._dispatcher.attach(self._handle)
        return topic

    def _remove(self, topic: Topic[M, Any]) -> None:
        key = self._topics.pop(topic)
        if key is not None:
            del self._topics_by_key[key]
        self._dispatcher.detach(self._handle)

    def _handle(self, items: Sequence[T]) -> None:
        if self._dispatcher.erasure != self._erasure:
            self._erasure = self._dispatcher.erasure
            for topic in list(self._topics):
                topic.check_erasure()
        try:
            self._source.publish(items)
        except Exception as error:
            # The items are not read again. The subscribers resume from where they are.
            logger.exception("the topics of %s end", type(self._source).__name__)
            for topic in list(self._topics):
                topic.fail(error)
