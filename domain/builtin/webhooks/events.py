"""What happens to webhooks. Their secrets are derived from a key outside the log, the id and a generation."""

from __future__ import annotations

from datetime import datetime

from domain.builtin.webhooks.commands import WebhookMode
from domain.kernel import Event


class WebhookCreated(Event, type="webhook.created"):
    """Later events that match the filter are posted to the URL. An empty list of the filter matches all."""

    generation: int
    name: str
    url: str
    types: tuple[str, ...]
    categories: tuple[str, ...]
    streams: tuple[str, ...]
    mode: WebhookMode
    batch_size: int
    personal: bool


class WebhookUpdated(Event, type="webhook.updated"):
    """The webhook has these values from here on."""

    name: str
    url: str
    types: tuple[str, ...]
    categories: tuple[str, ...]
    streams: tuple[str, ...]
    mode: WebhookMode
    batch_size: int
    personal: bool


class WebhookPaused(Event, type="webhook.paused"):
    """Nothing is delivered until the webhook is resumed."""

    reason: str


class WebhookResumed(Event, type="webhook.resumed"):
    """Deliveries continue where they stopped."""


class WebhookSecretRotated(Event, type="webhook.rotated"):
    """The secret of this generation signs, and until `old_valid_until` the one before too."""

    generation: int
    old_valid_until: datetime


class WebhookReplayed(Event, type="webhook.replayed"):
    """Events after an event, or since a time, are delivered again; with neither, all of the log."""

    after_event: str | None = None
    since: datetime | None = None


class WebhookRetried(Event, type="webhook.retried"):
    """The dead letter of a stream, or all dead letters, are delivered again."""

    stream: str | None = None


class WebhookDeliveryDropped(Event, type="webhook.dropped"):
    """The event of the stream is not delivered any more, unless it is replayed."""

    stream: str
    version: int
    reason: str | None = None


class WebhookDeleted(Event, type="webhook.deleted"):
    """Nothing is delivered any more. This is final."""
