"""Commands that end access, and restore it."""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b
from typing import ClassVar, Self

from pydantic import Field, model_validator

from domain.kernel import PutCommand
from domain.kernel.access import DEPLOYMENT, Access, role
from domain.kernel.fields import Name, Text

STREAM_DIGEST_BYTES = 16


class AccessKind(StrEnum):
    """What access belongs to. SUBJECT: a user or service. CREDENTIAL: a token, by its `jti`, or an API key.

    ROLE: all who have the role. TENANT: everybody in the tenant.
    """

    SUBJECT = "SUBJECT"
    CREDENTIAL = "CREDENTIAL"
    ROLE = "ROLE"
    TENANT = "TENANT"


TENANT_STREAM = "access-tenant"


def access_stream(kind: AccessKind, name: str) -> str:
    """Return the id of the stream about a subject, a credential or a role.

    It has a digest: a name may have any characters.
    """
    digest = blake2b(name.encode(), digest_size=STREAM_DIGEST_BYTES).hexdigest()
    return f"access-{kind.lower()}:{digest}"


class AccessCommand(PutCommand):
    """A command on the access of a subject, a credential, a role or the tenant."""

    access: ClassVar[Access] = role(DEPLOYMENT)

    kind: AccessKind = Field(description="What `name` names.")
    name: Name | None = Field(
        None, description="The subject, the id of the credential, or the role; none for TENANT."
    )
    reason: Text = Field(min_length=1, description="Why, for the record; clients receive it.")

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        if (self.name is None) != (self.kind is AccessKind.TENANT):
            raise ValueError("TENANT takes no name, and every other kind needs one")
        return self

    @property
    def target(self) -> str:
        """The stream with the record of this access."""
        return TENANT_STREAM if self.name is None else access_stream(self.kind, self.name)


class EndAccess(AccessCommand):
    """Ends access at once: connections are closed, and tokens issued until now are refused.

    Tokens that are issued later are accepted, so a subject may sign in again, unless `untilRestored` is true.
    """

    until_restored: bool = Field(
        False, description="Refuse tokens that are issued later too, until access is restored."
    )


class RestoreAccess(AccessCommand):
    """Restores access that was ended: what was issued before is accepted again, unless it has expired."""
