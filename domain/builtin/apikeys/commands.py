"""Commands about API keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from domain.kernel import ChangeCommand, CreateCommand
from domain.kernel.access import DEPLOYMENT, Access, role
from domain.kernel.fields import Moment, Name, SecretHash, Text

MANAGES_KEYS = role(DEPLOYMENT)
"""The rule of who may manage keys: besides administrators, who may do everything, the deployment's."""

CommandName = Annotated[Name, AfterValidator(lambda name: name[:1].upper() + name[1:])]
"""The name of a command, which may be written as that of its mutation, as in ``createTask``."""

MAX_GRACE = timedelta(days=90)

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$"), SecretHash(shown_as="key")]
"""The SHA-256 of 256 random bits, in hexadecimal digits."""


class IssueApiKey(CreateCommand):
    """Issues an API key, which the response shows once.

    Its holder acts in your tenant, with the roles of the key. A key cannot have roles that you do not have,
    unless you are an administrator.
    """

    access: ClassVar[Access] = MANAGES_KEYS

    name: Name = Field(description="What the key is for, such as the service that uses it.")
    roles: tuple[Name, ...] = Field((), max_length=50, description="The roles of the key's holder.")
    subject: Name | None = Field(
        None,
        description="The subject that the holder acts as, for rules of ownership; default: the key's id.",
    )
    commands: tuple[CommandName, ...] | None = Field(
        None,
        max_length=200,
        description="The only commands that the holder may send; default: all that the roles allow.",
    )
    expires_at: Moment | None = Field(None, description="When the key expires; default: never.")
    secret_hash: Hash


class RotateApiKey(ChangeCommand):
    """Gives an API key a new secret, which the response shows once. The old one works during the grace."""

    access: ClassVar[Access] = MANAGES_KEYS

    grace: timedelta = Field(
        timedelta(days=1),
        ge=timedelta(0),
        le=MAX_GRACE,
        description="How long the old secret still works; PT0S ends it at once.",
    )
    secret_hash: Hash


class RevokeApiKey(ChangeCommand):
    """Revokes an API key for good, and closes the connections of its holder."""

    access: ClassVar[Access] = MANAGES_KEYS

    reason: Text | None = Field(None, description="Why, for the record; it is kept.")


def mutation_name(command: str) -> str:
    """Return the name that a command has for clients: ``createTask`` for ``CreateTask``."""
    return command[:1].lower() + command[1:]
