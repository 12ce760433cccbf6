"""Commands about the activity of users. Services that sign users in send them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.activity.location import Location
from domain.kernel import Identifier, Name, PutCommand, Refers
from domain.kernel.access import role
from domain.kernel.fields import Personal
from domain.users.aggregate import User

Session = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,100}$")]
"""The id of a session, which the service that signs users in makes."""

PersonalName = Annotated[Name | None, Personal("user_id")]


class _ActivityCommand(PutCommand):
    user_id: Annotated[Identifier, Refers(User)]

    @property
    def target(self) -> str:
        """The stream with the activity of the user."""
        return f"activity-{self.user_id}"


class RecordLogin(_ActivityCommand):
    """Records that a user signed in, and begins a session. Without effect if the session has begun."""

    access = role("user_activity")

    session: Session
    address: PersonalName = Field(None, description="The network address of the user; it is personal data.")
    user_agent: PersonalName = Field(None, description="The program of the user; it is personal data.")
    location: Annotated[Location | None, Personal("user_id")] = Field(
        None,
        description="Where the user is; it is personal data, and kept to a tenth of a degree.",
    )


class RecordFailedLogin(_ActivityCommand):
    """Records that somebody failed to sign in as a user."""

    access = role("user_activity")

    address: PersonalName = Field(None, description="The network address; it is personal data of the user.")
    user_agent: PersonalName = Field(None, description="The program; it is personal data of the user.")


class RecordAction(_ActivityCommand):
    """Records what a user did in a session, which must be open."""

    access = role("user_activity")

    session: Session
    action: Name = Field(description="What the user did, as a word without personal data.")


class RecordLogout(_ActivityCommand):
    """Records the end of a session. Without effect if it has ended."""

    access = role("user_activity")

    session: Session
