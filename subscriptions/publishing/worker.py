"""The worker that publishes: its share of all webhooks, and of the streams in Redis."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from weakref import WeakSet

from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.group import LEASE_TIME, ConsumerDefinition, ConsumerGroup
from subscriptions.feed.feed import Feed
from subscriptions.feed.wakeups import Wakeups
from subscriptions.publishing.ports import WebhookKey
from subscriptions.publishing.publishing_parts import PublishingParts
from subscriptions.publishing.webhook_publisher import WebhookPublisher
from subscriptions.publishing.webhook_registry import WebhookRegistry
from subscriptions.publishing.webhook_runs import WebhookRun, run_of, start_of


class PublishingWorker:
    """Publishes beside other workers; `streams` are the consumers that fill streams in Redis, by name.

    See `ConsumerGroup` for `tick` and `lease_time`. A webhook is one consumer: workers share the
    webhooks, and each webhook is delivered by one of them.
    """

    def __init__(
        self,
        parts: PublishingParts,
        feed: Feed,
        checkpoints: Checkpoints,
        wakeups: Wakeups,
        *,
        tick: float,
        lease_time: float = LEASE_TIME,
        streams: Mapping[str, ConsumerDefinition],
    ) -> None:
        self._parts = parts
        self._checkpoints = checkpoints
        self._consumers = dict(streams)
        self._runs: dict[WebhookKey, WebhookRun] = {}
        self._publishers: WeakSet[WebhookPublisher] = WeakSet()
        self._registry = WebhookRegistry(parts.log, feed, self._update)
        self._group = ConsumerGroup(
            self._consumers, parts.database, feed, checkpoints, wakeups, tick=tick, lease_time=lease_time
        )

    async def start(self) -> None:
        """Begin in the background."""
        await self._registry.start()
        if self._consumers:
            await self._group.start()

    async def stop(self) -> None:
        """Stop; requests under way are sent again by another worker."""
        await self._registry.stop()
        await self._group.stop()

    async def _update(self, changed: Collection[WebhookKey]) -> None:
        """Work on webhooks as they are now."""
        for key in changed:
            registered = self._registry.get(key)
            run = None if registered is None else run_of(key, registered.webhook)
            if self._runs.get(key) != run:
                self._change_run(key, run)
        self._group.replace_consumers(dict(self._consumers))
        for publisher in self._publishers:
            publisher.wake()
        if self._consumers:
            await self._group.start()

    def _change_run(self, key: WebhookKey, run: WebhookRun | None) -> None:
        former = self._runs.pop(key, None)
        if former is not None:
            del self._consumers[former.consumer]
        if run is not None:
            self._runs[key] = run
            self._consumers[run.consumer] = ConsumerDefinition(
                code="", make_handler=partial(self._make_publisher, run), find_start=partial(self._start, run)
            )

    def _make_publisher(self, run: WebhookRun) -> WebhookPublisher:
        publisher = WebhookPublisher(run, partial(self._registry.get, run.key), self._parts)
        self._publishers.add(publisher)
        return publisher

    async def _start(self, run: WebhookRun) -> int | None:
        registered = self._registry.get(run.key)
        if registered is None:
            return None
        return await start_of(run, registered, self._parts.log, self._checkpoints)
