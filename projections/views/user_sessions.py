"""The view `user_sessions`: each session of a user, with what was done in it."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.activity import context
from domain.activity.events import ActionTaken, LoggedIn, LoggedOut
from domain.kernel import RecordedEvent
from domain.kernel.access import role
from domain.kernel.fields import Int32
from projections.kernel import View


class UserSessionRow(TypedDict):
    """A session of a user. `address` and `user_agent` are null after the user's erasure."""

    id: str
    user_id: str
    session: str
    address: str | None
    user_agent: str | None
    actions: Int32
    started_at: datetime
    last_seen: datetime
    ended_at: datetime | None


def _key(event: RecordedEvent) -> tuple[str, ...]:
    match event.payload:
        case LoggedIn(user_id=user, session=session):
            return (f"{user}/{session}",)
        case ActionTaken(user_id=user, session=session) | LoggedOut(user_id=user, session=session):
            return (f"{user}/{session}",)
    return ()


def _apply(id: str, row: UserSessionRow | None, event: RecordedEvent) -> UserSessionRow | None:
    match event.payload:
        case LoggedIn() as login:
            return UserSessionRow(
                id=id,
                user_id=login.user_id,
                session=login.session,
                address=login.address,
                user_agent=login.user_agent,
                actions=0,
                started_at=event.time,
                last_seen=event.time,
                ended_at=None,
            )
        case ActionTaken() if row is not None:
            return {**row, "actions": row["actions"] + 1, "last_seen": event.time}
        case LoggedOut() if row is not None:
            return {**row, "last_seen": event.time, "ended_at": event.time}
        case _:
            return row


view = View(
    name="user_sessions",
    singular="user_session",
    context=context,
    row=UserSessionRow,
    key=_key,
    apply=_apply,
    access=role("user_manager"),
    filters=("user_id", "started_at", "ended_at"),
    orders=("started_at", "last_seen"),
    indexes=(("user_id", "started_at"),),
    personal=("address", "user_agent"),
    description="A session of a user.",
)
