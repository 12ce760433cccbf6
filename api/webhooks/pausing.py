"""Pausing a webhook on nerve's own account."""

from __future__ import annotations

from domain.builtin.system import alerts
from domain.builtin.system.alerts.commands import RaiseAlert, alert_key
from domain.builtin.webhooks.commands import PauseWebhook
from domain.dispatch import CommandBus
from domain.kernel import Catalog, Envelope, Scope
from domain.kernel.severity import Severity
from subscriptions.publishing.ports import WebhookKey


class CommandPauser:
    """Pauses webhooks by commands, and raises an alert where the context of alerts is registered."""

    def __init__(self, bus: CommandBus, catalog: Catalog) -> None:
        self._bus = bus
        self._has_alerts = alerts.context in catalog.contexts

    async def pause(self, key: WebhookKey, reason: str) -> None:
        scope = Scope(key.tenant, authentication="webhook")
        await self._bus.dispatch(Envelope(PauseWebhook(id=key.id, reason=reason), scope))
        if self._has_alerts:
            alert = RaiseAlert(
                key=alert_key("webhook", key.id),
                severity=Severity.ERROR,
                category="webhook",
                message=f"{key.id} is paused: {reason}",
            )
            await self._bus.dispatch(Envelope(alert, scope))
