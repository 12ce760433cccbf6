"""The rules of one user's activity: a session is open between a login and its logout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, assert_never

from domain.activity.commands import RecordAction, RecordFailedLogin, RecordLogin, RecordLogout
from domain.activity.events import ActionTaken, LoggedIn, LoggedOut, LoginFailed
from domain.kernel import Aggregate, Facts, InvariantViolated

ActivityCommand = RecordLogin | RecordFailedLogin | RecordAction | RecordLogout
ActivityEvent = LoggedIn | LoginFailed | ActionTaken | LoggedOut

MOST_SESSIONS = 100
"""Sessions of one user that can be open; the oldest one does not count as open any more."""


@dataclass(frozen=True, slots=True)
class Activity(Aggregate[ActivityCommand, ActivityEvent]):
    """The open sessions of one user, the latest one last."""

    category: ClassVar[str] = "activity"

    sessions: tuple[str, ...] = ()

    def decide(self, command: ActivityCommand, facts: Facts) -> Sequence[ActivityEvent]:
        user = command.user_id
        match command:
            case RecordLogin(session=session, address=address, user_agent=agent):
                if session in self.sessions:
                    return []
                return [LoggedIn(user_id=user, session=session, address=address, user_agent=agent)]
            case RecordFailedLogin(address=address, user_agent=agent):
                return [LoginFailed(user_id=user, address=address, user_agent=agent)]
            case RecordAction(session=session, action=action):
                if session not in self.sessions:
                    raise InvariantViolated(f"{user} has no open session {session!r}; record its login first")
                return [ActionTaken(user_id=user, session=session, action=action)]
            case RecordLogout(session=session):
                return [LoggedOut(user_id=user, session=session)] if session in self.sessions else []
            case _:
                assert_never(command)

    def evolve(self, event: ActivityEvent) -> Activity:
        match event:
            case LoggedIn(session=session):
                return replace(self, sessions=(*self.sessions, session)[-MOST_SESSIONS:])
            case LoggedOut(session=session):
                return replace(self, sessions=tuple(each for each in self.sessions if each != session))
            case LoginFailed() | ActionTaken():
                return self
            case _:
                assert_never(event)
