"""The webhooks of all tenants, as the log has them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime

from domain.builtin import tenants, webhooks
from domain.builtin.tenants.events import TenantErased
from domain.builtin.webhooks.aggregate import Webhook, WebhookEvent
from domain.builtin.webhooks.events import WebhookResumed
from domain.kernel import Commit, CommitInfo, RecordedEvent
from eventstore.log import EventLog
from subscriptions.feed.background import BackgroundLoop
from subscriptions.feed.feed import Feed
from subscriptions.publishing.ports import WebhookKey

logger = logging.getLogger(__name__)

CATEGORIES = (webhooks.context.category, tenants.context.category)


@dataclass(frozen=True, slots=True)
class RegisteredWebhook:
    """A webhook, its version, the position of its creation, and when it was resumed last.

    `resumed` is None if it was never paused.
    """

    webhook: Webhook
    version: int
    created_at: int
    resumed: datetime | None = None


class WebhookRegistry:
    """Keeps the webhooks as the log has them. `on_change` is called with all keys, then with changed ones.

    A webhook that was imported from another log is paused until it is resumed here: the target of a copied
    log is that of the original.
    """

    def __init__(
        self, log: EventLog, feed: Feed, on_change: Callable[[Collection[WebhookKey]], Awaitable[None]]
    ) -> None:
        self._webhooks: dict[WebhookKey, RegisteredWebhook] = {}
        self._log = log
        self._feed = feed
        self._on_change = on_change
        self._position: int | None = None
        self._changed: set[WebhookKey] = set()
        self._loop = BackgroundLoop(self._follow, "changes of webhooks are not followed", logger)

    def get(self, key: WebhookKey) -> RegisteredWebhook | None:
        """Return a webhook; None if there is none, or it is deleted."""
        return self._webhooks.get(key)

    async def start(self) -> None:
        """Begin to read and to follow, in the background."""
        self._loop.start()

    async def stop(self) -> None:
        """Stop following."""
        await self._loop.stop()

    async def _follow(self) -> float:
        if self._position is None:
            commits, position = await self._log.commits_of(CATEGORIES)
            self._apply(commits)
            self._position = position
        await self._report()
        async with aclosing(self._feed.follow(self._position)) as batches:
            async for batch in batches:
                self._apply(batch.items)
                self._position = batch.position
                await self._report()
        return 0.0

    async def _report(self) -> None:
        if self._changed:
            await self._on_change(frozenset(self._changed))
            self._changed.clear()

    def _apply(self, commits: Iterable[Commit]) -> None:
        for commit in commits:
            if commit.info is not None and commit.info.category in CATEGORIES:
                for event in commit.events:
                    self._apply_event(commit.info, event)

    def _apply_event(self, info: CommitInfo, event: RecordedEvent) -> None:
        payload = event.payload
        if isinstance(payload, TenantErased):
            erased = {key for key in self._webhooks if key.tenant == payload.tenant}
            self._changed |= erased
            for key in erased:
                del self._webhooks[key]
        elif isinstance(payload, WebhookEvent):
            self._evolve(WebhookKey(info.tenant, info.stream), event.version, payload, info)

    def _evolve(self, key: WebhookKey, version: int, event: WebhookEvent, info: CommitInfo) -> None:
        former = self._webhooks.get(key, RegisteredWebhook(Webhook(), 0, info.position))
        webhook = former.webhook.evolve(event)
        resumed = info.at if isinstance(event, WebhookResumed) else former.resumed
        if info.restored:
            webhook = replace(webhook, is_paused=True)
        if webhook.is_deleted:
            self._webhooks.pop(key, None)
        else:
            self._webhooks[key] = RegisteredWebhook(webhook, version, former.created_at, resumed)
        self._changed.add(key)
