"""Requests to the target of one webhook, their outcomes, and the circuit that they open."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from domain.builtin.webhooks.aggregate import Webhook
from domain.kernel import RecordedEvent
from domain.kernel.errors import NerveError
from subscriptions.publishing.attempt_log import AttemptLog, WebhookAttempt
from subscriptions.publishing.ports import DeliveryFailed, TargetGone, WebhookKey
from subscriptions.publishing.publishing_parts import PublishingParts
from subscriptions.publishing.target_circuit import TargetCircuit

logger = logging.getLogger(__name__)

GONE_PAUSE = 10.0
"""Seconds without a request after an answer of 410; the webhook is paused by then."""


class WebhookAttempts:
    """Sends requests to the target of a webhook, and records their outcomes."""

    def __init__(self, key: WebhookKey, parts: PublishingParts) -> None:
        self._key = key
        self._parts = parts
        self._log = AttemptLog(parts.database, key)
        self.circuit = TargetCircuit(parts.monotonic)

    async def send(self, webhook: Webhook, events: Sequence[RecordedEvent]) -> DeliveryFailed | None:
        """Send the events in one request. Return the failure, or None if they were accepted."""
        began, at = self._parts.monotonic(), self._parts.clock()
        failure, status = None, None
        try:
            current = [await self._current(webhook, event) for event in events]
            status = await self._parts.sender.send(self._key, webhook, current)
        except DeliveryFailed as error:
            failure, status = error, error.status
        except Exception as error:
            logger.exception("a request of %s could not be made", self._key.id)
            failure = DeliveryFailed(
                f"the request could not be made ({type(error).__name__})", is_outage=False
            )
        seconds = round(self._parts.monotonic() - began, 3)
        error_text = None if failure is None else str(failure)
        attempt = WebhookAttempt(at, len(events), events[0].id, status, error_text, seconds)
        self._log.add(attempt, max(event.position for event in events))
        await self._apply({event.stream for event in events}, failure)
        return failure

    @property
    def is_written(self) -> bool:
        """Whether all outcomes are written."""
        return self._log.is_written

    async def write(self) -> None:
        """Write the outcomes of the last requests. Raises Unavailable."""
        await self._log.write()

    async def _current(self, webhook: Webhook, event: RecordedEvent) -> RecordedEvent:
        """Return the event as it is now: its personal data may have been erased since it was read."""
        if not webhook.personal or not event.subjects:
            return event
        (current,) = await self._parts.log.stream(self._key.tenant, event.stream, event.version - 1, 1)
        return current

    async def _apply(self, streams: Collection[str], failure: DeliveryFailed | None) -> None:
        """Take the outcome of a request into account for the next ones."""
        if failure is None:
            self.circuit.succeeded()
        elif isinstance(failure, TargetGone):
            self.circuit.failed(streams, GONE_PAUSE)
            await self._pause(str(failure))
        elif failure.is_outage:
            self.circuit.failed(streams, failure.retry_after)

    async def _pause(self, reason: str) -> None:
        try:
            await self._parts.pauser.pause(self._key, reason)
        except NerveError as error:
            logger.warning("%s is not paused for now: %s", self._key.id, error)
