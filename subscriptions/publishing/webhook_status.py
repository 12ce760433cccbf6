"""The state of a webhook's deliveries, for those who operate it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from domain.builtin.webhooks.aggregate import Webhook
from domain.dispatch.ports import Clock
from eventstore.log import EventLog
from eventstore.mongo.driver import Database
from eventstore.reading.event_query import EventQuery
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.publishing.attempt_log import WebhookAttempt, read_attempts
from subscriptions.publishing.deliveries import WebhookDeadLetters
from subscriptions.publishing.event_selection import selection_for
from subscriptions.publishing.ports import WebhookKey
from subscriptions.publishing.webhook_runs import run_of

SCANNED = 100
"""Events that are read to find the first one that is to be sent."""


@dataclass(frozen=True, slots=True)
class WebhookStatus:
    """What a webhook has delivered.

    `position` is the highest one of an event that was delivered, None before the first: the checkpoint itself
    would show the traffic of other tenants. `pending` streams wait for another attempt. `lag` is the age in
    seconds of the first event that is not delivered, 0 if there is none. `delivered` counts events, `failed`
    requests.
    """

    position: int | None
    lag: float
    pending: int
    dead_letters: int
    delivered: int
    failed: int
    attempts: Sequence[WebhookAttempt]


class WebhookStatusReader:
    """Reads the state of deliveries. Every method raises Unavailable."""

    def __init__(self, database: Database, log: EventLog, checkpoints: Checkpoints, clock: Clock) -> None:
        self._database = database
        self._log = log
        self._checkpoints = checkpoints
        self._clock = clock
        self.dead_letters = WebhookDeadLetters(database)

    async def read(self, key: WebhookKey, webhook: Webhook) -> WebhookStatus:
        """Return the state of a webhook's deliveries."""
        state = await self._checkpoints.state(run_of(key, webhook).consumer)
        # Before a worker has begun, it is where the webhook was created.
        checkpoint = state.position if state.active else await self._log.position_of(*key, 1)
        counts = await self.dead_letters.counts(key)
        record = await read_attempts(self._database, key)
        return WebhookStatus(
            position=record.position,
            lag=await self._lag(key, webhook, checkpoint),
            pending=counts.pending,
            dead_letters=counts.dead,
            delivered=record.delivered,
            failed=record.failed,
            attempts=record.attempts,
        )

    async def _lag(self, key: WebhookKey, webhook: Webhook, position: int) -> float:
        query = EventQuery(
            types=_or_none(webhook.types),
            categories=_or_none(webhook.categories),
            streams=_or_none(webhook.streams),
        )
        selection = selection_for(key.tenant, webhook)
        events = await self._log.search(key.tenant, query, position, SCANNED)
        times = [event.commit.at for event in events if selection.selects(event)][:1]
        first_failed = await self.dead_letters.first_failure(key)
        now = self._clock()
        oldest = min([*times, *([first_failed] if first_failed else [])], default=now)
        return max(0.0, (now - oldest).total_seconds())


def _or_none(values: Collection[str]) -> Collection[str] | None:
    return values or None
