"""The queries `webhookDeliveries` and `webhookDeadLetters`: what webhooks have delivered, and what not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import strawberry

from api.graphql.declare import argument, declare, list_of, output_field, output_fields
from api.graphql.execution.request_context import Info
from api.graphql.fields.connections import connection, page_arguments, page_size
from api.graphql.scalars import Position
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from api.ids import now
from api.limits.weights import ROWS, STATUS
from domain.builtin.webhooks.aggregate import Webhook
from domain.kernel.errors import ValidationFailed
from eventstore.place import Place
from subscriptions.publishing.ports import WebhookKey
from subscriptions.publishing.webhook_status import WebhookStatusReader

MAX_WEBHOOKS = 20
"""Webhooks of one query: the state of each is read from several collections."""

_ATTEMPT = {
    "at": (datetime, "When the request was sent."),
    "events": (int, "The number of events in it."),
    "event": (strawberry.ID, "The id of the first one."),
    "status": (int | None, "The status of the response; null without one."),
    "error": (str | None, "Why it failed; null if the events were accepted."),
    "seconds": (float, "How long it took."),
}
_LETTER = {
    "stream": (strawberry.ID, "The stream of the event. Its later events wait behind it."),
    "version": (int, "The event's version in the stream."),
    "event": (strawberry.ID, "The id of the event."),
    "type": (str, "The type of the event."),
    "attempts": (int, "How often it was sent."),
    "first_failed_at": (datetime, "When it first failed."),
    "failed_at": (datetime, "When it last failed."),
    "status": (int | None, "The status of the last response; null without one."),
    "error": (str, "Why it last failed."),
}


def webhook_fields(types: TypeMap) -> tuple[Field, Field]:
    """Return the two queries; they exist for callers who may manage webhooks."""
    return _deliveries_field(), _dead_letters_field(types)


def _deliveries_field() -> Field:
    attempt = declare("WebhookAttempt", output_fields(_ATTEMPT), "A request to the URL of a webhook.")
    fields = [
        output_field("webhook_id", strawberry.ID, "The id of the webhook."),
        output_field(
            "position",
            Position | None,
            "The position of the last event that was delivered; null before the first.",
        ),
        output_field("lag", float, "The age in seconds of the first event that is not delivered, or 0."),
        output_field("pending", int, "Streams whose next event has failed and will be sent again."),
        output_field("dead_letters", int, "Events that are not sent again by themselves."),
        output_field("delivered", int, "Events that were accepted; replayed ones count again."),
        output_field("failed", int, "Requests that failed."),
        output_field("attempts", list_of(attempt), "The last requests, up to 20, the latest one last."),
    ]
    return output_field(
        "webhook_deliveries",
        list_of(declare("WebhookDeliveries", fields, "What a webhook has delivered.")),
        "What webhooks have delivered. A webhook that does not exist is left out.",
        resolver=_deliveries,
        arguments=[argument("ids", list_of(strawberry.ID), f"The ids of webhooks, at most {MAX_WEBHOOKS}.")],
        weight=STATUS,
    )


def _dead_letters_field(types: TypeMap) -> Field:
    letter = declare(
        "WebhookDeadLetter",
        output_fields(_LETTER),
        "An event that a webhook could not deliver. It waits until it is retried, dropped or replayed.",
    )
    return output_field(
        "webhook_dead_letters",
        connection("WebhookDeadLetter", letter, types),
        "The dead letters of a webhook, by their streams.",
        resolver=_dead_letters,
        arguments=[
            argument("webhook", strawberry.ID, "The id of the webhook."),
            *page_arguments(),
        ],
        weight=ROWS,
    )


def _reader(info: Info) -> WebhookStatusReader:
    runtime = info.context.runtime
    return WebhookStatusReader(runtime.database, runtime.log, runtime.checkpoints, now)


async def _deliveries(_root: object, info: Info, *, ids: Sequence[str]) -> list[dict[str, Any]]:
    context = info.context
    if len(ids) > MAX_WEBHOOKS:
        raise ValidationFailed(f"ids must have at most {MAX_WEBHOOKS} elements", ("ids",))
    states = []
    for key in [WebhookKey(context.scope.tenant, each) for each in dict.fromkeys(ids)]:
        loaded = await context.runtime.aggregates.load(*key, Webhook, fresh=True)
        if not loaded.version or loaded.state.is_deleted:
            continue
        status = await _reader(info).read(key, loaded.state)
        position = None if status.position is None else context.seal(Place(status.position))
        states.append({**asdict(status), "webhook_id": key.id, "position": position})
    return states


async def _dead_letters(
    _root: object,
    info: Info,
    *,
    webhook: str,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> dict[str, Any]:
    context = info.context
    size, backward = page_size(first, last, context.runtime.settings.max_page), last is not None
    key = WebhookKey(context.scope.tenant, webhook)
    letters = await _reader(info).dead_letters.page(key, size + 1, after, before, backward=backward)
    more = len(letters) > size
    page = letters[-size:] if backward and more else letters[:size]
    context.count_rows(len(page))
    return {
        "rows": [asdict(letter) for letter in page],
        "cursor": lambda row: row["stream"],
        "has_next_page": before is not None if backward else more,
        "has_previous_page": more if backward else after is not None,
    }
