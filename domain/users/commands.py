"""Commands of users."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.kernel import ChangeCommand, CreateCommand, Name, Text
from domain.kernel.access import role
from domain.kernel.fields import Personal

Email = Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^\s@]+@[^\s@]+$")]
"""An e-mail address by its form; whether it exists, only a message to it can show."""


class CreateUser(CreateCommand):
    """Creates an active user. ALREADY_EXISTS means that another user has the e-mail address."""

    access = role("user_manager")

    email: Annotated[Email, Personal("id")] = Field(
        description="Unique among all users; capital letters do not count."
    )
    name: Annotated[Name, Personal("id")]


class UpdateUser(ChangeCommand):
    """Changes the fields of a user that are given; the others stay as they are."""

    access = role("user_manager")

    email: Annotated[Email | None, Personal("id")] = Field(
        None, description="Unique among all users; capital letters do not count."
    )
    name: Annotated[Name | None, Personal("id")] = None


class DeactivateUser(ChangeCommand):
    """Deactivates a user, who keeps the e-mail address; without effect on an inactive one."""

    access = role("user_manager")

    reason: Text | None = Field(None, description="Why; it must not contain personal data.")


class ReactivateUser(ChangeCommand):
    """Makes an inactive user active again; without effect on an active one."""

    access = role("user_manager")


class DeleteUser(ChangeCommand):
    """Deletes a user for ever, frees the e-mail address, and has the personal data erased."""

    access = role("user_manager")
