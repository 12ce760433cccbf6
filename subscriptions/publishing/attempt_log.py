"""The last attempts of each webhook, in MongoDB.

    {_id: {tenant, webhook}, delivered, failed, position,
     attempts: [{at, events, event, status, error, seconds}, …]}

They are no events, because there may be millions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from eventstore.mongo.driver import Database, unavailable_if_down
from subscriptions.publishing.ports import WebhookKey

WEBHOOK_ATTEMPTS = "webhook_attempts"
"""The name of the collection."""

KEPT = 20
"""Attempts of a webhook that are kept, the last ones."""


@dataclass(frozen=True, slots=True)
class WebhookAttempt:
    """A request: when it began, how many `events` it had, and the id of the first one.

    `status` is that of the response, None without one; `error` is None after a success.
    """

    at: datetime
    events: int
    event: str
    status: int | None
    error: str | None
    seconds: float


class AttemptRecord(NamedTuple):
    """How many events a webhook has delivered, how many requests failed, and the last attempts in order.

    `position` is the highest one of an event that was delivered, None without one.
    """

    delivered: int
    failed: int
    position: int | None
    attempts: Sequence[WebhookAttempt]


class AttemptLog:
    """Collects the attempts of a webhook, and writes them now and then."""

    def __init__(self, database: Database, key: WebhookKey) -> None:
        self._documents = database[WEBHOOK_ATTEMPTS]
        self._id = _id(key)
        self._attempts: list[WebhookAttempt] = []
        self._delivered = 0
        self._failed = 0
        self._position = 0

    @property
    def is_written(self) -> bool:
        """Whether nothing was added since the last write."""
        return not self._attempts

    def add(self, attempt: WebhookAttempt, position: int) -> None:
        """Take an attempt into account, without waiting; `position` is that of its last event."""
        self._attempts = [*self._attempts[1 - KEPT :], attempt]
        if attempt.error is None:
            self._delivered += attempt.events
            self._position = max(position, self._position)
        else:
            self._failed += 1

    async def write(self) -> None:
        """Write what was added since the last time. Raises Unavailable; then some attempts may be lost."""
        if not self._attempts:
            return
        attempts, self._attempts = self._attempts, []
        delivered, failed = self._delivered, self._failed
        self._delivered = self._failed = 0
        update = {
            "$push": {"attempts": {"$each": [asdict(attempt) for attempt in attempts], "$slice": -KEPT}},
            "$inc": {"delivered": delivered, "failed": failed},
            "$max": {"position": self._position},
        }
        with unavailable_if_down():
            await self._documents.update_one({"_id": self._id}, update, upsert=True)


async def read_attempts(database: Database, key: WebhookKey) -> AttemptRecord:
    """Return what is recorded of a webhook. Raises Unavailable."""
    with unavailable_if_down():
        stored = await database[WEBHOOK_ATTEMPTS].find_one({"_id": _id(key)})
    if stored is None:
        return AttemptRecord(0, 0, None, ())
    attempts = [WebhookAttempt(**attempt) for attempt in stored["attempts"]]
    return AttemptRecord(stored["delivered"], stored["failed"], stored["position"] or None, attempts)


async def delete_attempts(database: Database, tenant: str, webhook: str | None = None) -> None:
    """Delete what is recorded of a webhook, or of all webhooks of the tenant. Raises Unavailable."""
    wanted: Mapping[str, Any] = (
        {"_id.tenant": tenant} if webhook is None else {"_id": _id(WebhookKey(tenant, webhook))}
    )
    with unavailable_if_down():
        await database[WEBHOOK_ATTEMPTS].delete_many(wanted)


def _id(key: WebhookKey) -> Mapping[str, str]:
    return {"tenant": key.tenant, "webhook": key.id}
