"""The rules of one alert.

OPEN -> ACKNOWLEDGED -> RESOLVED -> OPEN; an acknowledged alert of a higher severity is OPEN again
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, assert_never

from domain.builtin.system.alerts.commands import (
    AcknowledgeAlert,
    RaiseAlert,
    RecordResourceLevel,
    ResolveAlert,
)
from domain.builtin.system.alerts.events import AlertAcknowledged, AlertRaised, AlertRepeated, AlertResolved
from domain.kernel import Aggregate, Facts, InvariantViolated
from domain.kernel.severity import Severity

AlertCommand = RaiseAlert | RecordResourceLevel | AcknowledgeAlert | ResolveAlert
AlertEvent = AlertRaised | AlertRepeated | AlertAcknowledged | AlertResolved


class AlertState(StrEnum):
    """Whether an alert needs attention: OPEN, ACKNOWLEDGED by an operator, or RESOLVED."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True)
class Alert(Aggregate[AlertCommand, AlertEvent]):
    """An alert; one that was never raised is as one that is resolved."""

    category: ClassVar[str] = "alert"

    state: AlertState = AlertState.RESOLVED
    severity: Severity = Severity.INFO

    def decide(self, command: AlertCommand, facts: Facts) -> Sequence[AlertEvent]:
        is_resolved = self.state is AlertState.RESOLVED
        match command:
            case RaiseAlert():
                return [_raised(command) if is_resolved else _repeated(command)]
            case RecordResourceLevel():
                return self._compare(command)
            case AcknowledgeAlert(note=note):
                if is_resolved:
                    raise InvariantViolated(
                        f"{facts.stream_id} is resolved; only an open alert is acknowledged"
                    )
                return [AlertAcknowledged(note=note)] if self.state is AlertState.OPEN else []
            case ResolveAlert(reason=reason):
                return [] if is_resolved else [AlertResolved(reason=reason)]
            case _:
                assert_never(command)

    def evolve(self, event: AlertEvent) -> Alert:
        match event:
            case AlertRaised(severity=severity):
                return Alert(AlertState.OPEN, severity)
            case AlertRepeated(severity=severity):
                return Alert(after_repeat(self.state, self.severity, severity), severity)
            case AlertAcknowledged():
                return replace(self, state=AlertState.ACKNOWLEDGED)
            case AlertResolved():
                return replace(self, state=AlertState.RESOLVED)
            case _:
                assert_never(event)

    def _compare(self, command: RecordResourceLevel) -> Sequence[AlertEvent]:
        """Compare a level with the threshold that can change the alert in this state."""
        if self.state is AlertState.RESOLVED:
            return [_exceeded(command)] if command.level > command.high else []
        if command.level < command.low:
            return [AlertResolved(reason=_level_text(command, "below", command.low))]
        return []


def after_repeat(state: AlertState, before: Severity, severity: Severity) -> AlertState:
    """Return the state of an alert after a repetition: a higher severity needs attention again."""
    return AlertState.OPEN if severity.is_above(before) else state


def _raised(command: RaiseAlert) -> AlertRaised:
    return AlertRaised(
        key=command.key,
        severity=command.severity,
        category=command.category,
        message=command.message,
        details=command.details,
    )


def _repeated(command: RaiseAlert) -> AlertRepeated:
    return AlertRepeated(
        severity=command.severity,
        category=command.category,
        message=command.message,
        details=command.details,
    )


def _exceeded(command: RecordResourceLevel) -> AlertRaised:
    return AlertRaised(
        key=command.key,
        severity=command.severity,
        category="resource",
        message=_level_text(command, "above", command.high),
        details=command.model_dump(include={"resource", "level", "high", "low", "unit"}),
    )


def _level_text(command: RecordResourceLevel, relation: str, threshold: float) -> str:
    unit = f" {command.unit}" if command.unit else ""
    return f"{command.resource} is at {command.level:g}{unit}, {relation} {threshold:g}{unit}"
