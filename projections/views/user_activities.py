"""The view `user_activities`: how each user behaves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypedDict

from domain.activity import context
from domain.activity.events import (
    ActionTaken,
    ActiveDayBegun,
    LoggedIn,
    LoggedOut,
    LoginFailed,
    SuspicionFound,
)
from domain.kernel import RecordedEvent
from domain.kernel.access import role
from domain.kernel.fields import Int32
from projections.kernel import ToOne, View

RECENT_DAYS = 30
"""Days with actions that a row has, the latest ones."""

COUNTED_ACTIONS = 100
"""Different actions that a row counts."""


class ActionCount(TypedDict):
    """How often a user did something."""

    action: str
    count: Int32


class DayCount(TypedDict):
    """How much a user did on a day, in UTC."""

    day: str
    actions: Int32


class UserActivityRow(TypedDict):
    """The behaviour of a user.

    `actions_a_day` is the mean over the `active_days`, on which the user signed in or did something.
    `recent_days` are the last 30 days with actions. `most_used` are the 100 actions that the user took most
    often, those first; beyond 100 different ones the counts are too high by those of the rarest, as in
    A. Metwally and others, "Efficient Computation of Frequent and Top-k Elements in Data Streams" (ICDT
    2005).
    """

    id: str
    user_id: str
    logins: Int32
    failed_logins: Int32
    actions: Int32
    suspicions: Int32
    active_days: Int32
    actions_a_day: float | None
    recent_days: list[DayCount]
    most_used: list[ActionCount]
    last_seen: datetime | None


def _key(event: RecordedEvent) -> tuple[str, ...]:
    user = getattr(event.payload, "user_id", None)
    return () if user is None else (user,)


def _apply(id: str, row: UserActivityRow | None, event: RecordedEvent) -> UserActivityRow | None:
    row = row or _new(id)
    match event.payload:
        case LoggedIn():
            return {**row, "logins": row["logins"] + 1, "last_seen": event.time}
        case LoginFailed():
            return {**row, "failed_logins": row["failed_logins"] + 1}
        case ActionTaken(action=action):
            return _with_action(row, action, event.time)
        case LoggedOut():
            return {**row, "last_seen": event.time}
        case ActiveDayBegun():
            return _with_mean({**row, "active_days": row["active_days"] + 1})
        case SuspicionFound():
            return {**row, "suspicions": row["suspicions"] + 1}
        case _:
            return row


def _new(user: str) -> UserActivityRow:
    return UserActivityRow(
        id=user,
        user_id=user,
        logins=0,
        failed_logins=0,
        actions=0,
        suspicions=0,
        active_days=0,
        actions_a_day=None,
        recent_days=[],
        most_used=[],
        last_seen=None,
    )


def _with_action(row: UserActivityRow, action: str, at: datetime) -> UserActivityRow:
    return _with_mean(
        {
            **row,
            "actions": row["actions"] + 1,
            "recent_days": _with_day(row["recent_days"], at.astimezone(UTC).date().isoformat()),
            "most_used": counted(row["most_used"], action),
            "last_seen": at,
        }
    )


def _with_mean(row: UserActivityRow) -> UserActivityRow:
    days = row["active_days"]
    return {**row, "actions_a_day": round(row["actions"] / days, 2) if days else None}


def _with_day(days: Sequence[DayCount], day: str) -> list[DayCount]:
    counts = {each["day"]: each["actions"] for each in days}
    counts[day] = counts.get(day, 0) + 1
    return [DayCount(day=each, actions=counts[each]) for each in sorted(counts)[-RECENT_DAYS:]]


def counted(counts: Sequence[ActionCount], action: str) -> list[ActionCount]:
    """Return the counts with one more of an action, the most frequent first.

    An action beyond `COUNTED_ACTIONS` takes over the count of the rarest one.
    """
    totals = {each["action"]: each["count"] for each in counts}
    if action not in totals and len(totals) == COUNTED_ACTIONS:
        totals[action] = totals.pop(counts[-1]["action"])
    totals[action] = totals.get(action, 0) + 1
    ranked = sorted(totals, key=lambda each: (-totals[each], each))
    return [ActionCount(action=each, count=totals[each]) for each in ranked]


view = View(
    name="user_activities",
    singular="user_activity",
    context=context,
    row=UserActivityRow,
    key=_key,
    apply=_apply,
    access=role("user_manager"),
    filters=("user_id", "last_seen", "actions", "failed_logins", "suspicions"),
    orders=("last_seen", "actions", "failed_logins", "suspicions", "actions_a_day"),
    links=(ToOne("user", "users", by="user_id"),),
    personal=(),
    description="The behaviour of a user: what the user does, how often, and when last.",
)
