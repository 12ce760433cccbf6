"""The view `api_keys`: each API key as it is now, without its secret and the hash of it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.builtin.apikeys import context
from domain.builtin.apikeys.commands import MANAGES_KEYS, mutation_name
from domain.builtin.apikeys.events import ApiKeyIssued, ApiKeyRevoked, ApiKeyRotated
from domain.kernel import RecordedEvent
from projections.kernel import View

NAME, SINGULAR = "api_keys", "api_key"


class ApiKeyRow(TypedDict):
    """An API key.

    `commands` are the only ones that its holder may send; None stands for all that the roles allow. The
    secret before the last rotation is valid until `old_valid_until`. `issued_by` is the subject that issued
    it, None for the command line.
    """

    id: str
    name: str
    subject: str
    roles: list[str]
    commands: list[str] | None
    issued_at: datetime
    issued_by: str | None
    expires_at: datetime | None
    rotated_at: datetime | None
    old_valid_until: datetime | None
    revoked_at: datetime | None
    revoke_reason: str | None


def _apply(id: str, row: ApiKeyRow | None, event: RecordedEvent) -> ApiKeyRow | None:
    payload = event.payload
    if isinstance(payload, ApiKeyIssued):
        return _issued(id, payload, event)
    if row is None:
        return None
    match payload:
        case ApiKeyRotated():
            return {**row, "rotated_at": event.time, "old_valid_until": payload.old_valid_until}
        case ApiKeyRevoked():
            return {
                **row,
                "revoked_at": event.time,
                "revoke_reason": payload.reason,
                "old_valid_until": None,
            }
    return row


def _issued(id: str, payload: ApiKeyIssued, event: RecordedEvent) -> ApiKeyRow:
    return ApiKeyRow(
        id=id,
        name=payload.name,
        subject=payload.subject,
        roles=list(payload.roles),
        commands=None if payload.commands is None else list(map(mutation_name, payload.commands)),
        issued_at=event.time,
        issued_by=event.commit.actor,
        expires_at=payload.expires_at,
        rotated_at=None,
        old_valid_until=None,
        revoked_at=None,
        revoke_reason=None,
    )


view = View(
    name=NAME,
    singular=SINGULAR,
    context=context,
    row=ApiKeyRow,
    apply=_apply,
    filters=("name", "subject", "roles", "issued_at", "expires_at", "revoked_at"),
    orders=("name", "issued_at", "expires_at"),
    description="An API key of a service or an agent. The key itself was shown once, when it was issued.",
    access=MANAGES_KEYS,
)
