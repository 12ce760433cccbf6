"""The policy `alert_on_suspicion`: suspicious activity of a user raises an alert."""

from __future__ import annotations

from collections.abc import Iterable

from domain.activity.events import SuspicionFound, SuspicionRule
from domain.builtin.system import alerts
from domain.builtin.system.alerts.commands import RaiseAlert, alert_key
from domain.kernel import Command, RecordedEvent
from domain.kernel.severity import Severity
from domain.process import Policy, StartAt

SEVERITIES = {
    SuspicionRule.FAILED_LOGINS: Severity.WARNING,
    SuspicionRule.IMPOSSIBLE_TRAVEL: Severity.ERROR,
    SuspicionRule.UNUSUAL_HOUR: Severity.INFO,
    SuspicionRule.MANY_SESSIONS: Severity.WARNING,
}


def _alert(event: RecordedEvent) -> Iterable[Command]:
    """Raise the alert of the user and the rule, which counts the times that the rule applied."""
    match event.payload:
        case SuspicionFound(user_id=user, rule=rule, reason=reason):
            return [
                RaiseAlert(
                    key=alert_key(rule.lower(), user),
                    severity=SEVERITIES[rule],
                    category="security",
                    message=f"{user}: {reason}",
                    details={"userId": user, "rule": rule.value},
                )
            ]
    return []


policies = (Policy("alert_on_suspicion", (SuspicionFound,), _alert, StartAt.BEGINNING),)
"""It begins with the log, so that it misses nothing that was found before its first start."""

context = alerts.context
"""Registered with the policy, so that its alerts are stored also where no view of them is listed."""
