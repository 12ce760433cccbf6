"""Commands about webhooks."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from domain.kernel import ChangeCommand, CreateCommand
from domain.kernel.access import Access, role
from domain.kernel.conditions import Condition
from domain.kernel.fields import Identifier, Moment, Name, Text

MANAGES_WEBHOOKS = role("integrator")
"""The rule of who may manage webhooks, and so send any event of the tenant to a URL."""

MAX_BATCH = 100
MAX_OVERLAP = timedelta(days=30)

TARGET_IS_ALLOWED: Condition[CreateWebhook | UpdateWebhook] = Condition("the settings allow the URL")
EVENT_EXISTS: Condition[ReplayWebhook] = Condition("the event to replay after exists")
DELIVERIES_ARE_RETRIED: Condition[RetryWebhook] = Condition("the dead letters are delivered again")
DELIVERY_IS_DEAD: Condition[DropWebhookDelivery] = Condition("the event is a dead letter of the webhook")
DELIVERY_IS_DROPPED: Condition[DropWebhookDelivery] = Condition("the event is not delivered any more")
STATE_IS_DELETED: Condition[DeleteWebhook] = Condition("what is kept of the webhook's deliveries is deleted")


class WebhookMode(StrEnum):
    """The CloudEvents mode. STRUCTURED: the whole event is JSON. BINARY: metadata is in headers."""

    STRUCTURED = "STRUCTURED"
    BINARY = "BINARY"


def check_url(url: str) -> str:
    """Return the URL; raise ValueError if events cannot be posted to it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("must be a URL such as https://shop.example/events") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("must be a URL such as https://shop.example/events")
    if parts.username or parts.password:
        raise ValueError("must have no user and password, because requests are signed")
    return url


Url = Annotated[str, Field(max_length=2_000), AfterValidator(check_url)]
Names = Annotated[tuple[Name, ...], Field(max_length=100)]
Streams = Annotated[tuple[Identifier, ...], Field(max_length=100)]
BatchSize = Annotated[int, Field(ge=1, le=MAX_BATCH)]


class CreateWebhook(CreateCommand):
    """Creates a webhook: events that match its filter from now on are posted to the URL.

    The response shows the secret that signs the requests. Events of one stream arrive in order, each at least
    once. A webhook sends events that its creator may not be able to read.
    """

    access: ClassVar[Access] = MANAGES_WEBHOOKS
    precondition: ClassVar = TARGET_IS_ALLOWED

    name: Name = Field(description="What the webhook is for, such as the service that it notifies.")
    url: Url = Field(description="Where events are posted.")
    types: Names = Field((), description="Only events of these types; default: all.")
    categories: Names = Field((), description="Only events of these categories; default: all.")
    streams: Streams = Field((), description="Only events of these streams; default: all.")
    mode: WebhookMode = Field(WebhookMode.STRUCTURED, description="The form of the requests.")
    batch_size: BatchSize = Field(1, description="Events in a request, at most; more than 1 sends batches.")
    personal: bool = Field(False, description="Send personal data; otherwise its fields are null.")


class UpdateWebhook(ChangeCommand):
    """Changes the fields of a webhook that are given, for its next requests.

    An empty list removes a condition from the filter.
    """

    access: ClassVar[Access] = MANAGES_WEBHOOKS
    precondition: ClassVar = TARGET_IS_ALLOWED

    name: Name | None = None
    url: Url | None = Field(None, description="Where events are posted.")
    types: Names | None = Field(None, description="Only events of these types.")
    categories: Names | None = Field(None, description="Only events of these categories.")
    streams: Streams | None = Field(None, description="Only events of these streams.")
    mode: WebhookMode | None = Field(None, description="The form of the requests.")
    batch_size: BatchSize | None = Field(None, description="Events in a request, at most.")
    personal: bool | None = Field(None, description="Send personal data.")


class PauseWebhook(ChangeCommand):
    """Stops the deliveries of a webhook; its events are kept until it is resumed."""

    access: ClassVar[Access] = MANAGES_WEBHOOKS

    reason: Text = Field(description="Why, for the record; it is kept.")


class ResumeWebhook(ChangeCommand):
    """Resumes the deliveries of a paused webhook where they stopped."""

    access: ClassVar[Access] = MANAGES_WEBHOOKS


class RotateWebhookSecret(ChangeCommand):
    """Gives a webhook a new secret, which the response shows. During the overlap both secrets sign."""

    access: ClassVar[Access] = MANAGES_WEBHOOKS

    overlap: timedelta = Field(
        timedelta(days=1),
        ge=timedelta(0),
        le=MAX_OVERLAP,
        description="How long the old secret signs too; PT0S ends it at once.",
    )


class ReplayWebhook(ChangeCommand):
    """Delivers matching events again: those after an event, since a time, or from the beginning of the log.

    Dead letters behind that point are replaced by the replay. Receivers recognise events by their ids.
    """

    access: ClassVar[Access] = MANAGES_WEBHOOKS
    precondition: ClassVar = EVENT_EXISTS

    after_event: Name | None = Field(None, description="The id of the event to replay after.")
    since: Moment | None = Field(None, description="The time of recording from which to replay.")


class RetryWebhook(ChangeCommand):
    """Delivers the dead letters of a webhook again, of one stream or of all, and the events behind them."""

    access: ClassVar[Access] = MANAGES_WEBHOOKS
    postcondition: ClassVar = DELIVERIES_ARE_RETRIED

    stream: Identifier | None = Field(None, description="Only the dead letter of this stream.")


class DropWebhookDelivery(ChangeCommand):
    """Drops the dead letter of a stream, and delivers the events behind it. A replay still includes it."""

    access: ClassVar[Access] = MANAGES_WEBHOOKS
    precondition: ClassVar = DELIVERY_IS_DEAD
    postcondition: ClassVar = DELIVERY_IS_DROPPED

    stream: Identifier = Field(description="The stream of the event.")
    version: int = Field(ge=1, description="The event's version in the stream.")
    reason: Text | None = Field(None, description="Why, for the record; it is kept.")


class DeleteWebhook(ChangeCommand):
    """Deletes a webhook for good, with what it has not delivered."""

    access: ClassVar[Access] = MANAGES_WEBHOOKS
    postcondition: ClassVar = STATE_IS_DELETED
