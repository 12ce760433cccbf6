"""The view `webhooks`: each webhook as it is now, without its secrets. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from domain.builtin.webhooks import context
from domain.builtin.webhooks.commands import MANAGES_WEBHOOKS, WebhookMode
from domain.builtin.webhooks.events import (
    WebhookCreated,
    WebhookDeleted,
    WebhookPaused,
    WebhookReplayed,
    WebhookResumed,
    WebhookSecretRotated,
    WebhookUpdated,
)
from domain.kernel import RecordedEvent
from domain.kernel.fields import Int32
from projections.kernel import View

NAME, SINGULAR = "webhooks", "webhook"


class WebhookState(StrEnum):
    """Whether a webhook delivers. PAUSED: its events are kept until it is resumed."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"


class WebhookRow(TypedDict):
    """A webhook. An empty list of `types`, `categories` or `streams` matches all events.

    The secret before the last rotation signs until `old_secret_until`. `created_by` is the subject that
    created it, None for the command line.
    """

    id: str
    name: str
    url: str
    types: list[str]
    categories: list[str]
    streams: list[str]
    mode: WebhookMode
    batch_size: Int32
    personal: bool
    state: WebhookState
    pause_reason: str | None
    paused_at: datetime | None
    created_at: datetime
    created_by: str | None
    rotated_at: datetime | None
    old_secret_until: datetime | None
    replayed_at: datetime | None


def _apply(id: str, row: WebhookRow | None, event: RecordedEvent) -> WebhookRow | None:
    payload = event.payload
    if isinstance(payload, WebhookCreated):
        return _created(id, payload, event)
    if row is None:
        return None
    match payload:
        case WebhookUpdated():
            return _with_values(row, payload)
        case WebhookPaused(reason=reason):
            return {**row, "state": WebhookState.PAUSED, "pause_reason": reason, "paused_at": event.time}
        case WebhookResumed():
            return {**row, "state": WebhookState.ACTIVE, "pause_reason": None, "paused_at": None}
        case WebhookSecretRotated(old_valid_until=until):
            return {**row, "rotated_at": event.time, "old_secret_until": until}
        case WebhookReplayed():
            return {**row, "replayed_at": event.time}
        case WebhookDeleted():
            return None
    return row


def _with_values(row: WebhookRow, values: WebhookCreated | WebhookUpdated) -> WebhookRow:
    return {
        **row,
        "name": values.name,
        "url": values.url,
        "types": list(values.types),
        "categories": list(values.categories),
        "streams": list(values.streams),
        "mode": values.mode,
        "batch_size": values.batch_size,
        "personal": values.personal,
    }


def _created(id: str, payload: WebhookCreated, event: RecordedEvent) -> WebhookRow:
    return WebhookRow(
        id=id,
        name=payload.name,
        url=payload.url,
        types=list(payload.types),
        categories=list(payload.categories),
        streams=list(payload.streams),
        mode=payload.mode,
        batch_size=payload.batch_size,
        personal=payload.personal,
        state=WebhookState.ACTIVE,
        pause_reason=None,
        paused_at=None,
        created_at=event.time,
        created_by=event.commit.actor,
        rotated_at=None,
        old_secret_until=None,
        replayed_at=None,
    )


view = View(
    name=NAME,
    singular=SINGULAR,
    context=context,
    row=WebhookRow,
    apply=_apply,
    filters=("name", "state", "created_at"),
    orders=("name", "created_at"),
    description="A webhook, which posts events to a URL. The mutation that made its secret has shown it.",
    access=MANAGES_WEBHOOKS,
)
