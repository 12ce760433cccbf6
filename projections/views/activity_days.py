"""The view `activity_days`: what the users of a tenant did on each day, together."""

from __future__ import annotations

from datetime import UTC
from typing import TypedDict

from domain.activity import context
from domain.activity.events import ActionTaken, ActiveDayBegun, LoggedIn, LoginFailed, SuspicionFound
from domain.kernel import RecordedEvent
from domain.kernel.access import role
from domain.kernel.fields import Int32
from projections.kernel import View


class ActivityDayRow(TypedDict):
    """What all users did on a day, in UTC, as in 2026-03-02.

    `active_users` counts the users who signed in or did something.
    """

    id: str
    day: str
    active_users: Int32
    logins: Int32
    failed_logins: Int32
    actions: Int32
    suspicions: Int32


def _key(event: RecordedEvent) -> tuple[str, ...]:
    match event.payload:
        case ActiveDayBegun(day=day):
            return (day,)
        case LoggedIn() | LoginFailed() | ActionTaken() | SuspicionFound():
            return (event.time.astimezone(UTC).date().isoformat(),)
    return ()


def _apply(id: str, row: ActivityDayRow | None, event: RecordedEvent) -> ActivityDayRow | None:
    row = row or ActivityDayRow(
        id=id, day=id, active_users=0, logins=0, failed_logins=0, actions=0, suspicions=0
    )
    match event.payload:
        case ActiveDayBegun():
            return {**row, "active_users": row["active_users"] + 1}
        case LoggedIn():
            return {**row, "logins": row["logins"] + 1}
        case LoginFailed():
            return {**row, "failed_logins": row["failed_logins"] + 1}
        case ActionTaken():
            return {**row, "actions": row["actions"] + 1}
        case SuspicionFound():
            return {**row, "suspicions": row["suspicions"] + 1}
        case _:
            return row


view = View(
    name="activity_days",
    singular="activity_day",
    context=context,
    row=ActivityDayRow,
    key=_key,
    apply=_apply,
    access=role("user_manager"),
    filters=("day",),
    orders=("day", "active_users", "actions", "failed_logins"),
    personal=(),
    description="What all users did on a day.",
)
