"""What programs of a deployment report."""

from __future__ import annotations

from domain.builtin.system.severity import Severity
from domain.kernel import Event, Json
from domain.kernel.access import role


class SystemEventRecorded(Event, type="systemevent.recorded"):
    """Something happened in a program of the deployment."""

    access = role("operator")

    severity: Severity
    category: str
    source: str
    message: str
    details: Json | None = None
