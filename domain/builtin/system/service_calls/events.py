"""What happens in calls of external services."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from domain.kernel import Event
from domain.kernel.access import role


class ServiceOutcome(StrEnum):
    """How a call of a service ended.

    REFUSED is a response that says no, FAILED a call without a usable response, TIMED_OUT one without any.
    """

    SUCCEEDED = "SUCCEEDED"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"


class ServiceRequested(Event, type="servicecall.requested"):
    """A request was sent to an external service."""

    access = role("operator")

    service: str
    operation: str
    requested_at: datetime


class ServiceResponded(Event, type="servicecall.responded"):
    """A request to an external service ended.

    `latency_seconds` is None if it is not known.
    """

    access = role("operator")

    outcome: ServiceOutcome
    code: str | None = None
    message: str | None = None
    latency_seconds: float | None = None
