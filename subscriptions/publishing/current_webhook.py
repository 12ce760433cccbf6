"""A webhook as it is now, for its publisher."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from domain.builtin.webhooks.aggregate import Webhook
from domain.kernel import RecordedEvent
from subscriptions.publishing.event_selection import EventSelection, selection_for
from subscriptions.publishing.webhook_registry import RegisteredWebhook


class CurrentWebhook:
    """A webhook of `tenant` as it is now; `find` returns it, None if it is deleted."""

    def __init__(self, tenant: str, find: Callable[[], RegisteredWebhook | None]) -> None:
        self._tenant = tenant
        self._find = find
        self._selected_by: tuple[Webhook | None, EventSelection] = (None, EventSelection())

    @property
    def sendable(self) -> Webhook | None:
        """The webhook; None if it is paused or deleted."""
        registered = self._find()
        return None if registered is None or registered.webhook.is_paused else registered.webhook

    @property
    def resumed(self) -> datetime | None:
        """When it was resumed last; None if it was never paused, or is deleted."""
        registered = self._find()
        return None if registered is None else registered.resumed

    def selects(self, event: RecordedEvent) -> bool:
        """Return whether the event is to be sent, now or once the webhook is resumed."""
        registered = self._find()
        if registered is None:
            return False
        webhook = registered.webhook
        if self._selected_by[0] is not webhook:
            self._selected_by = webhook, selection_for(self._tenant, webhook)
        return self._selected_by[1].selects(event)
