"""What all publishers of a worker share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domain.dispatch.ports import Clock
from eventstore.log import EventLog
from eventstore.mongo.driver import Database
from subscriptions.publishing.ports import EventSender, WebhookPauser
from subscriptions.publishing.retry_schedule import RetrySchedule


@dataclass(frozen=True, kw_only=True)
class PublishingParts:
    """What all publishers of a worker share.

    `concurrency` is the number of requests of a webhook that are under way at a time. `monotonic` returns the
    seconds of a clock that is never set back.
    """

    database: Database
    log: EventLog
    sender: EventSender
    pauser: WebhookPauser
    schedule: RetrySchedule
    concurrency: int
    clock: Clock
    monotonic: Callable[[], float]
