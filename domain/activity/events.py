"""Events of the activity of users. Address, user agent and location are personal data of the user."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from domain.activity.location import Location
from domain.kernel import Event, Identifier, Personal
from domain.kernel.access import role


class SuspicionRule(StrEnum):
    """The rule by which activity is suspicious."""

    FAILED_LOGINS = "FAILED_LOGINS"
    IMPOSSIBLE_TRAVEL = "IMPOSSIBLE_TRAVEL"
    UNUSUAL_HOUR = "UNUSUAL_HOUR"
    MANY_SESSIONS = "MANY_SESSIONS"


class LoggedIn(Event, type="activity.logged_in"):
    """A user signed in, and a session began; `at` is None in events of earlier releases."""

    access = role("user_manager")

    user_id: Identifier
    session: str
    address: Annotated[str | None, Personal("user_id")] = None
    user_agent: Annotated[str | None, Personal("user_id")] = None
    location: Annotated[Location | None, Personal("user_id")] = None
    at: datetime | None = None


class LoginFailed(Event, type="activity.login_failed"):
    """Somebody failed to sign in as a user; `at` is None in events of earlier releases."""

    access = role("user_manager")

    user_id: Identifier
    address: Annotated[str | None, Personal("user_id")] = None
    user_agent: Annotated[str | None, Personal("user_id")] = None
    at: datetime | None = None


class ActionTaken(Event, type="activity.action_taken"):
    """A user did something in a session."""

    access = role("user_manager")

    user_id: Identifier
    session: str
    action: str


class LoggedOut(Event, type="activity.logged_out"):
    """A session ended."""

    access = role("user_manager")

    user_id: Identifier
    session: str


class ActiveDayBegun(Event, type="activity.day_begun"):
    """A user signed in or did something for the first time on a day, in UTC, as in 2026-03-02."""

    access = role("user_manager")

    user_id: Identifier
    day: str


class SuspicionFound(Event, type="activity.suspicion_found"):
    """A rule found the activity of a user suspicious; the reason has no personal data."""

    access = role("user_manager")

    user_id: Identifier
    rule: SuspicionRule
    reason: str
