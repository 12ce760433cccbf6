"""The conditions of commands about webhooks, and what these commands change beside the log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from api.private_addresses import is_private
from api.webhook_settings import WebhookSettings
from domain.builtin.webhooks.commands import (
    DELIVERIES_ARE_RETRIED,
    DELIVERY_IS_DEAD,
    DELIVERY_IS_DROPPED,
    EVENT_EXISTS,
    STATE_IS_DELETED,
    TARGET_IS_ALLOWED,
    CreateWebhook,
    DeleteWebhook,
    DropWebhookDelivery,
    ReplayWebhook,
    RetryWebhook,
    UpdateWebhook,
)
from domain.dispatch import ConditionHandlers
from domain.kernel.errors import NotFound, ValidationFailed
from eventstore.log import EventLog
from eventstore.mongo.driver import Database
from subscriptions.publishing.deliveries import WebhookDeadLetters
from subscriptions.publishing.ports import WebhookKey
from subscriptions.publishing.removal import delete_webhook_state
from subscriptions.publishing.webhook_runs import position_behind


class WebhookConditions:
    """Checks and establishes the conditions of commands about webhooks."""

    def __init__(
        self, settings: WebhookSettings, database: Database, log: EventLog, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._database = database
        self._log = log
        self._clock = clock
        self._dead_letters = WebhookDeadLetters(database)

    def add_to(self, handlers: ConditionHandlers) -> ConditionHandlers:
        """Add the handlers of all conditions, and return the handlers."""
        return (
            handlers.add(TARGET_IS_ALLOWED, self._require_allowed)
            .add(EVENT_EXISTS, self._require_event)
            .add(DELIVERIES_ARE_RETRIED, self._retry)
            .add(DELIVERY_IS_DEAD, self._require_dead)
            .add(DELIVERY_IS_DROPPED, self._drop)
            .add(STATE_IS_DELETED, self._delete)
        )

    async def _require_allowed(self, tenant: str, command: CreateWebhook | UpdateWebhook) -> None:
        if command.url is None or self._settings.allow_private:
            return
        url = urlsplit(command.url)
        if url.scheme != "https":
            raise ValidationFailed(
                "url: must begin with https://, unless the setting webhooks.allow_private is true", ("url",)
            )
        if is_private(url.hostname or ""):
            raise ValidationFailed(
                f"url: {url.hostname} is a private address, which the setting webhooks.allow_private forbids",
                ("url",),
            )

    async def _require_event(self, tenant: str, command: ReplayWebhook) -> None:
        if command.after_event is not None:
            await position_behind(self._log, tenant, command.after_event)

    async def _retry(self, tenant: str, command: RetryWebhook) -> None:
        await self._dead_letters.retry(WebhookKey(tenant, command.id), command.stream, self._clock())

    async def _require_dead(self, tenant: str, command: DropWebhookDelivery) -> None:
        key = WebhookKey(tenant, command.id)
        if not await self._dead_letters.has(key, command.stream, command.version):
            raise NotFound(
                f"version {command.version} of {command.stream} is no dead letter of {command.id}; "
                "`webhookDeadLetters` lists them"
            )

    async def _drop(self, tenant: str, command: DropWebhookDelivery) -> None:
        key = WebhookKey(tenant, command.id)
        await self._dead_letters.drop(key, command.stream, command.version, self._clock())

    async def _delete(self, tenant: str, command: DeleteWebhook) -> None:
        await delete_webhook_state(self._database, tenant, command.id)
