"""The view `system_events`: what programs of the deployment report. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.builtin.system.system_events import context
from domain.builtin.system.system_events.events import SystemEventRecorded
from domain.kernel import Json, RecordedEvent
from domain.kernel.access import role
from domain.kernel.severity import Severity
from projections.kernel import View


class SystemEventRow(TypedDict):
    """A system event; `source` is the program or the component that reported it."""

    id: str
    severity: Severity
    category: str
    source: str
    message: str
    details: Json | None
    occurred_at: datetime


def _apply(id: str, row: SystemEventRow | None, event: RecordedEvent) -> SystemEventRow | None:
    payload = event.payload
    if not isinstance(payload, SystemEventRecorded):
        return row
    return SystemEventRow(
        id=id,
        severity=payload.severity,
        category=payload.category,
        source=payload.source,
        message=payload.message,
        details=payload.details,
        occurred_at=event.time,
    )


view = View(
    singular="system_event",
    context=context,
    row=SystemEventRow,
    apply=_apply,
    access=role("operator"),
    filters=("severity", "category", "source", "occurred_at"),
    orders=("occurred_at",),
    indexes=(("severity", "-occurred_at"), ("category", "-occurred_at")),
    description="What happened in a program of the deployment.",
)
