"""The rules of one user.

ACTIVE <-> INACTIVE, and DELETED for ever
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, assert_never

from domain.kernel import Aggregate, Facts, InvariantViolated
from domain.users.commands import CreateUser, DeactivateUser, DeleteUser, ReactivateUser, UpdateUser
from domain.users.events import UserCreated, UserDeactivated, UserDeleted, UserReactivated, UserUpdated

UserCommand = CreateUser | UpdateUser | DeactivateUser | ReactivateUser | DeleteUser
UserEvent = UserCreated | UserUpdated | UserDeactivated | UserReactivated | UserDeleted


class UserStatus(StrEnum):
    """Whether a user may act. DELETED is final."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class User(Aggregate[UserCommand, UserEvent]):
    """A person with an account. After an erasure, e-mail address and name are None."""

    category: ClassVar[str] = "user"

    status: UserStatus = UserStatus.ACTIVE
    email: str | None = None
    name: str | None = None

    def decide(self, command: UserCommand, facts: Facts) -> Sequence[UserEvent]:
        if self.status is UserStatus.DELETED:
            raise InvariantViolated(f"{facts.stream_id} is deleted for ever; create another user")
        match command:
            case CreateUser(email=email, name=name):
                return [UserCreated(email=email, name=name)]
            case UpdateUser():
                return self._update(command)
            case DeactivateUser(reason=reason):
                is_active = self.status is UserStatus.ACTIVE
                return [UserDeactivated(reason=reason)] if is_active else []
            case ReactivateUser():
                return [UserReactivated()] if self.status is UserStatus.INACTIVE else []
            case DeleteUser():
                return [UserDeleted()]
            case _:
                assert_never(command)

    def evolve(self, event: UserEvent) -> User:
        match event:
            case UserCreated(email=email, name=name):
                return replace(self, email=email, name=name)
            case UserUpdated(email=email, name=name):
                return replace(self, email=email or self.email, name=name or self.name)
            case UserDeactivated():
                return replace(self, status=UserStatus.INACTIVE)
            case UserReactivated():
                return replace(self, status=UserStatus.ACTIVE)
            case UserDeleted():
                return User(status=UserStatus.DELETED)
            case _:
                assert_never(event)

    def _update(self, command: UpdateUser) -> Sequence[UserEvent]:
        email = command.email if command.email != self.email else None
        name = command.name if command.name != self.name else None
        return [UserUpdated(email=email, name=name)] if email or name else []


def normalised_email(user: User) -> str | None:
    """Return the e-mail address in the form in which addresses are compared."""
    return user.email and user.email.casefold()
