"""The view `revocations`: the access that has ended and was not restored. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.builtin.revocations import context
from domain.builtin.revocations.commands import AccessKind, EndAccess
from domain.builtin.revocations.events import AccessEnded, AccessRestored
from domain.kernel import RecordedEvent
from projections.kernel import View

NAME, SINGULAR = "revocations", "revocation"


class RevocationRow(TypedDict):
    """The end of access of a subject, a credential, a role or the tenant, as it is in force.

    `name` is that of what `kind` says, None for the tenant. What was issued until `ended_at` is refused, and
    what is issued later too while `until_restored`. `ended_by` is the subject that ended it, None for the
    command line.
    """

    id: str
    kind: AccessKind
    name: str | None
    reason: str
    until_restored: bool
    ended_at: datetime
    ended_by: str | None


def _apply(id: str, row: RevocationRow | None, event: RecordedEvent) -> RevocationRow | None:
    match event.payload:
        case AccessEnded() as ended:
            return RevocationRow(
                id=id,
                kind=ended.kind,
                name=ended.name,
                reason=ended.reason,
                until_restored=ended.until_restored,
                ended_at=event.commit.at,
                ended_by=event.commit.actor,
            )
        case AccessRestored():
            return None
    return row


view = View(
    name=NAME,
    singular=SINGULAR,
    context=context,
    row=RevocationRow,
    apply=_apply,
    filters=("kind", "name", "ended_at"),
    orders=("name", "ended_at"),
    description="The end of access of a subject, a credential, a role or the tenant, which is in force.",
    access=EndAccess.access,
)
