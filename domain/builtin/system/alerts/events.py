"""What happens to alerts."""

from __future__ import annotations

from domain.kernel import Event, Json
from domain.kernel.access import role
from domain.kernel.severity import Severity


class AlertRaised(Event, type="alert.raised"):
    """An alert is open, for the first time or after it was resolved."""

    access = role("operator")

    key: str
    severity: Severity
    category: str
    message: str
    details: Json | None = None


class AlertRepeated(Event, type="alert.repeated"):
    """The cause of an open alert occurred again."""

    access = role("operator")

    severity: Severity
    category: str
    message: str
    details: Json | None = None


class AlertAcknowledged(Event, type="alert.acknowledged"):
    """An operator takes care of the alert."""

    access = role("operator")

    note: str | None = None


class AlertResolved(Event, type="alert.resolved"):
    """The cause of the alert is gone."""

    access = role("operator")

    reason: str | None = None
