"""What programs of a deployment report."""

from __future__ import annotations

from domain.kernel import Event, Json
from domain.kernel.access import role
from domain.kernel.severity import Severity


class SystemEventRecorded(Event, type="systemevent.recorded"):
    """Something happened in a program of the deployment."""

    access = role("operator")

    severity: Severity
    category: str
    source: str
    message: str
    details: Json | None = None
