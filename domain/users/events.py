"""Events of users. E-mail address and name are personal data of the user."""

from __future__ import annotations

from typing import Annotated

from domain.kernel import Event, Personal
from domain.kernel.access import role


class UserCreated(Event, type="user.created"):
    """A user was created."""

    access = role("user_manager")

    email: Annotated[str | None, Personal()] = None
    name: Annotated[str | None, Personal()] = None


class UserUpdated(Event, type="user.updated"):
    """A user has another e-mail address or name; a field without a value did not change."""

    access = role("user_manager")

    email: Annotated[str | None, Personal()] = None
    name: Annotated[str | None, Personal()] = None


class UserDeactivated(Event, type="user.deactivated"):
    """A user was deactivated."""

    access = role("user_manager")

    reason: str | None = None


class UserReactivated(Event, type="user.reactivated"):
    """A user is active again."""

    access = role("user_manager")


class UserDeleted(Event, type="user.deleted"):
    """A user was deleted, and the e-mail address is free."""

    access = role("user_manager")
