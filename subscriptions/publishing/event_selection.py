"""Which events a publisher sends."""

from __future__ import annotations

from collections.abc import Collection

from domain.builtin import apikeys, webhooks
from domain.builtin.webhooks.aggregate import Webhook
from domain.kernel import RecordedEvent

NEVER_SENT = frozenset((apikeys.context.category, webhooks.context.category))
"""Categories whose events are never sent: they have hashes of secrets, and URLs that may be secret."""


class EventSelection:
    """Selects events by tenants, types, categories and streams; an empty collection selects all."""

    def __init__(
        self,
        *,
        tenants: Collection[str] = (),
        types: Collection[str] = (),
        categories: Collection[str] = (),
        streams: Collection[str] = (),
    ) -> None:
        self._tenants = frozenset(tenants)
        self._types = frozenset(types)
        self._categories = frozenset(categories)
        self._streams = frozenset(streams)

    def selects(self, event: RecordedEvent) -> bool:
        """Return whether the event is sent. What another log has recorded is not sent again."""
        info = event.commit
        return (
            not info.restored
            and info.category not in NEVER_SENT
            and (not self._tenants or info.tenant in self._tenants)
            and (not self._types or event.type in self._types)
            and (not self._categories or info.category in self._categories)
            and (not self._streams or info.stream in self._streams)
        )


def selection_for(tenant: str, webhook: Webhook) -> EventSelection:
    """Return which events a webhook of the tenant is sent."""
    return EventSelection(
        tenants=(tenant,), types=webhook.types, categories=webhook.categories, streams=webhook.streams
    )
