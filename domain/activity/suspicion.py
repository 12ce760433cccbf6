"""The rules by which the logins of a user are suspicious. Pure; docs/users.md states them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from domain.activity.events import SuspicionRule
from domain.activity.location import Location, distance_km

FAILED_LOGINS = 5
"""Failed logins within the window that are suspicious."""

FAILED_LOGIN_WINDOW = timedelta(minutes=10)

MAX_SPEED = 1000.0
"""Kilometres an hour that a user can travel; airliners are slower."""

MIN_DISTANCE = 100.0
"""Kilometres between two logins that count as travel; places that addresses lead to are less exact."""

MIN_LOGINS = 20
"""Logins after which the hours of a user are known."""

REMEMBERED_LOGINS = 50
"""The latest logins, whose hours are the usual ones of the user."""

MAX_SESSIONS = 10
"""Sessions of a user that can be open without suspicion."""


class Suspicion(NamedTuple):
    """A rule that applies, and the reason in words, without personal data."""

    rule: SuspicionRule
    reason: str


@dataclass(frozen=True, slots=True)
class RecentLogins:
    """What the rules need of the earlier logins of a user.

    `failures` are the times of failed logins that have raised no suspicion, `hours` the hours in UTC of the
    latest logins, `location` the place of the last login that declared one, at `located_at`.
    """

    failures: tuple[datetime, ...] = ()
    hours: tuple[int, ...] = ()
    location: Location | None = None
    located_at: datetime | None = None

    def with_login(self, at: datetime, location: Location | None) -> RecentLogins:
        """Return the logins with one more."""
        hours = (*self.hours, _hour(at))[-REMEMBERED_LOGINS:]
        if location is None:
            return replace(self, hours=hours)
        return replace(self, hours=hours, location=location, located_at=at)

    def with_failure(self, at: datetime) -> RecentLogins:
        """Return the logins with one more that failed."""
        return replace(self, failures=(*self.failures, at)[1 - FAILED_LOGINS :])

    def without_failures(self) -> RecentLogins:
        """Return the logins after their failures have raised a suspicion."""
        return replace(self, failures=())


def suspicions_of_login(
    logins: RecentLogins, at: datetime, location: Location | None, open_sessions: int
) -> Iterator[Suspicion]:
    """Yield what is suspicious about a login; `open_sessions` counts those that are open after it."""
    travel = _impossible_travel(logins, at, location)
    if travel is not None:
        yield Suspicion(SuspicionRule.IMPOSSIBLE_TRAVEL, travel)
    if is_unusual_hour(logins.hours, _hour(at)):
        reason = f"a login between {_hour(at)} and {_hour(at) + 1} h UTC, which is no usual time of the user"
        yield Suspicion(SuspicionRule.UNUSUAL_HOUR, reason)
    if open_sessions == MAX_SESSIONS + 1:
        yield Suspicion(SuspicionRule.MANY_SESSIONS, f"{open_sessions} sessions are open")


def suspicions_of_failure(logins: RecentLogins, at: datetime) -> Iterator[Suspicion]:
    """Yield what is suspicious about a failed login."""
    if len(logins.failures) == FAILED_LOGINS - 1 and at - logins.failures[0] <= FAILED_LOGIN_WINDOW:
        minutes = FAILED_LOGIN_WINDOW // timedelta(minutes=1)
        yield Suspicion(
            SuspicionRule.FAILED_LOGINS, f"{FAILED_LOGINS} failed logins within {minutes} minutes"
        )


def is_impossible(kilometres: float, duration: timedelta) -> bool:
    """Return whether nobody travels so far in the time."""
    return kilometres > MIN_DISTANCE and kilometres > MAX_SPEED * (duration / timedelta(hours=1))


def is_unusual_hour(hours: tuple[int, ...], hour: int) -> bool:
    """Return whether no earlier login was in this hour of the day, or in the one before or after it."""
    usual = {(each + shift) % 24 for each in hours for shift in (-1, 0, 1)}
    return len(hours) >= MIN_LOGINS and hour not in usual


def _impossible_travel(logins: RecentLogins, at: datetime, location: Location | None) -> str | None:
    if location is None or logins.location is None or logins.located_at is None:
        return None
    # Event times come from outside, so that a login may be recorded after a later one.
    kilometres, duration = distance_km(logins.location, location), abs(at - logins.located_at)
    if not is_impossible(kilometres, duration):
        return None
    hours = duration / timedelta(hours=1)
    return f"logins about {round(kilometres, -2):.0f} km apart within {hours:.1f} hours"


def _hour(at: datetime) -> int:
    return at.astimezone(UTC).hour
