"""The rules of one user's activity: a session is open between a login and its logout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import ClassVar, assert_never

from domain.activity.commands import RecordAction, RecordFailedLogin, RecordLogin, RecordLogout
from domain.activity.events import (
    ActionTaken,
    ActiveDayBegun,
    LoggedIn,
    LoggedOut,
    LoginFailed,
    SuspicionFound,
    SuspicionRule,
)
from domain.activity.suspicion import (
    RecentLogins,
    Suspicion,
    suspicions_of_failure,
    suspicions_of_login,
)
from domain.kernel import Aggregate, Facts, InvariantViolated

ActivityCommand = RecordLogin | RecordFailedLogin | RecordAction | RecordLogout
ActivityEvent = LoggedIn | LoginFailed | ActionTaken | LoggedOut | ActiveDayBegun | SuspicionFound

MAX_KEPT_SESSIONS = 100
"""Sessions of one user that can be open; the oldest one does not count as open any more."""


@dataclass(frozen=True, slots=True)
class Activity(Aggregate[ActivityCommand, ActivityEvent]):
    """The open sessions of one user, the latest one last, and what makes the next login suspicious."""

    category: ClassVar[str] = "activity"

    sessions: tuple[str, ...] = ()
    logins: RecentLogins = field(default_factory=RecentLogins)
    last_day: str = ""

    def decide(self, command: ActivityCommand, facts: Facts) -> Sequence[ActivityEvent]:
        user = command.user_id
        match command:
            case RecordLogin(session=session):
                return [] if session in self.sessions else self._log_in(command, facts.now)
            case RecordFailedLogin(address=address, user_agent=agent):
                failed = LoginFailed(user_id=user, address=address, user_agent=agent, at=facts.now)
                return [failed, *_found(user, suspicions_of_failure(self.logins, facts.now))]
            case RecordAction(session=session, action=action):
                if session not in self.sessions:
                    raise InvariantViolated(f"{user} has no open session {session!r}; record its login first")
                taken = ActionTaken(user_id=user, session=session, action=action)
                return [taken, *self._begin_day(user, facts.now)]
            case RecordLogout(session=session):
                return [LoggedOut(user_id=user, session=session)] if session in self.sessions else []
            case _:
                assert_never(command)

    def evolve(self, event: ActivityEvent) -> Activity:
        match event:
            case LoggedIn(session=session, location=location, at=at):
                logins = self.logins if at is None else self.logins.with_login(at, location)
                return replace(self, sessions=(*self.sessions, session)[-MAX_KEPT_SESSIONS:], logins=logins)
            case LoggedOut(session=session):
                return replace(self, sessions=tuple(each for each in self.sessions if each != session))
            case LoginFailed(at=at):
                return self if at is None else replace(self, logins=self.logins.with_failure(at))
            case ActiveDayBegun(day=day):
                return replace(self, last_day=day)
            case SuspicionFound(rule=SuspicionRule.FAILED_LOGINS):
                return replace(self, logins=self.logins.without_failures())
            case ActionTaken() | SuspicionFound():
                return self
            case _:
                assert_never(event)

    def _log_in(self, login: RecordLogin, now: datetime) -> Sequence[ActivityEvent]:
        location = login.location and login.location.coarse()
        open_sessions = len(self.sessions) + 1
        return [
            LoggedIn(
                user_id=login.user_id,
                session=login.session,
                address=login.address,
                user_agent=login.user_agent,
                location=location,
                at=now,
            ),
            *self._begin_day(login.user_id, now),
            *_found(login.user_id, suspicions_of_login(self.logins, now, location, open_sessions)),
        ]

    def _begin_day(self, user: str, now: datetime) -> Sequence[ActivityEvent]:
        day = now.astimezone(UTC).date().isoformat()
        return [ActiveDayBegun(user_id=user, day=day)] if day > self.last_day else []


def _found(user: str, suspicions: Iterable[Suspicion]) -> Sequence[ActivityEvent]:
    return [SuspicionFound(user_id=user, rule=rule, reason=reason) for rule, reason in suspicions]
