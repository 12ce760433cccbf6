"""The view `users`: each user that is not deleted."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.kernel import RecordedEvent
from domain.kernel.access import role
from domain.users import context
from domain.users.aggregate import UserStatus
from domain.users.events import UserCreated, UserDeactivated, UserDeleted, UserReactivated, UserUpdated
from projections.kernel import View


class UserRow(TypedDict):
    """A user. `email` and `name` are null after the user's erasure."""

    id: str
    email: str | None
    name: str | None
    status: UserStatus
    created_at: datetime
    updated_at: datetime


def _apply(id: str, row: UserRow | None, event: RecordedEvent) -> UserRow | None:
    payload = event.payload
    if isinstance(payload, UserCreated):
        return UserRow(
            id=id,
            email=payload.email,
            name=payload.name,
            status=UserStatus.ACTIVE,
            created_at=event.time,
            updated_at=event.time,
        )
    if row is None:
        return None
    row = {**row, "updated_at": event.time}
    match payload:
        case UserUpdated(email=email, name=name):
            return {**row, "email": email or row["email"], "name": name or row["name"]}
        case UserDeactivated():
            return {**row, "status": UserStatus.INACTIVE}
        case UserReactivated():
            return {**row, "status": UserStatus.ACTIVE}
        case UserDeleted():
            return None
        case _:
            return row


view = View(
    context=context,
    row=UserRow,
    apply=_apply,
    access=role("user_manager"),
    filters=("email", "status", "created_at"),
    orders=("created_at", "name", "email"),
    search=("name", "email"),
    personal=("name", "email"),
    description="A user that is not deleted.",
)
