"""What publishing needs from outside: the sender of requests, and what pauses a webhook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from domain.builtin.webhooks.aggregate import Webhook
from domain.kernel import RecordedEvent
from domain.kernel.errors import NerveError


class WebhookKey(NamedTuple):
    """The tenant and the id of a webhook."""

    tenant: str
    id: str


class DeliveryFailed(NerveError):
    """A target did not accept a request; `status` is that of its response, None without one.

    The message names no more of the URL than its host. `retry_after` is the pause in seconds that the target
    asked for, if any. `is_outage` is False where the target works, and other events may be accepted.
    """

    code = "UNAVAILABLE"

    def __init__(
        self,
        message: str,
        status: int | None = None,
        retry_after: float | None = None,
        *,
        is_outage: bool = True,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.is_outage = is_outage


class TargetGone(DeliveryFailed):
    """A target answered 410: it asks for no further request."""


class EventSender(Protocol):
    """Sends events to the target of a webhook."""

    async def send(self, key: WebhookKey, webhook: Webhook, events: Sequence[RecordedEvent]) -> int:
        """Send the events in one request, and return the status of the response, which is 2xx.

        A request with the same events has the same id each time. The sender limits the time of a request.
        Raises DeliveryFailed.
        """


class WebhookPauser(Protocol):
    """Pauses a webhook on nerve's own account."""

    async def pause(self, key: WebhookKey, reason: str) -> None:
        """Pause the webhook, and raise an alert. Raises the errors of the command bus."""
