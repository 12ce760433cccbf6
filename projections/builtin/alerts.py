"""The view `alerts`: each alert as it is now. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.builtin.system.alerts import context
from domain.builtin.system.alerts.aggregate import AlertState, after_repeat
from domain.builtin.system.alerts.events import AlertAcknowledged, AlertRaised, AlertRepeated, AlertResolved
from domain.kernel import Json, RecordedEvent
from domain.kernel.access import role
from domain.kernel.fields import Int32
from domain.kernel.severity import Severity
from projections.kernel import View


class AlertRow(TypedDict):
    """An alert.

    `occurrences` counts how often it was raised, `first_seen` and `last_seen` are the first and the last of
    these times; all three include those before it was resolved. `acknowledged_by` is the subject of the
    operator, None without authentication.
    """

    id: str
    key: str
    state: AlertState
    severity: Severity
    category: str
    message: str
    details: Json | None
    occurrences: Int32
    first_seen: datetime
    last_seen: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    note: str | None
    resolved_at: datetime | None
    resolve_reason: str | None


def _apply(id: str, row: AlertRow | None, event: RecordedEvent) -> AlertRow | None:
    match event.payload:
        case AlertRaised() as raised:
            return _raised(id, row, raised, event.time)
        case AlertRepeated() as repeated if row is not None:
            return _repeated(row, repeated, event.time)
        case AlertAcknowledged(note=note) if row is not None:
            return {
                **row,
                "state": AlertState.ACKNOWLEDGED,
                "acknowledged_by": event.commit.actor,
                "acknowledged_at": event.time,
                "note": note,
            }
        case AlertResolved(reason=reason) if row is not None:
            return {
                **row,
                "state": AlertState.RESOLVED,
                "resolved_at": event.time,
                "resolve_reason": reason,
            }
        case _:
            return row


def _raised(id: str, row: AlertRow | None, alert: AlertRaised, at: datetime) -> AlertRow:
    return AlertRow(
        id=id,
        key=alert.key,
        state=AlertState.OPEN,
        severity=alert.severity,
        category=alert.category,
        message=alert.message,
        details=alert.details,
        occurrences=1 if row is None else row["occurrences"] + 1,
        first_seen=at if row is None else row["first_seen"],
        last_seen=at,
        acknowledged_by=None,
        acknowledged_at=None,
        note=None,
        resolved_at=None,
        resolve_reason=None,
    )


def _repeated(row: AlertRow, alert: AlertRepeated, at: datetime) -> AlertRow:
    return {
        **row,
        "state": after_repeat(row["state"], row["severity"], alert.severity),
        "severity": alert.severity,
        "category": alert.category,
        "message": alert.message,
        "details": alert.details,
        "occurrences": row["occurrences"] + 1,
        "last_seen": at,
    }


view = View(
    context=context,
    row=AlertRow,
    apply=_apply,
    access=role("operator"),
    filters=("state", "severity", "category", "key", "first_seen", "last_seen", "acknowledged_by"),
    orders=("last_seen", "first_seen", "occurrences"),
    indexes=(("state", "-last_seen"),),
    description="An alert: something that an operator should know of or take care of.",
)
