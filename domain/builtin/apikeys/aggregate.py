"""The rules of issuing, rotating and revoking API keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from domain.builtin.apikeys.commands import IssueApiKey, RevokeApiKey, RotateApiKey
from domain.builtin.apikeys.events import ApiKeyIssued, ApiKeyRevoked, ApiKeyRotated
from domain.kernel import Aggregate, Facts, InvariantViolated

ApiKeyCommand = IssueApiKey | RotateApiKey | RevokeApiKey
ApiKeyEvent = ApiKeyIssued | ApiKeyRotated | ApiKeyRevoked


@dataclass(frozen=True, slots=True)
class ApiKey(Aggregate[ApiKeyCommand, ApiKeyEvent]):
    """An API key. Its holder may do what `roles` and `commands` allow."""

    category: ClassVar[str] = "apikey"

    roles: tuple[str, ...] = ()
    commands: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    is_revoked: bool = False

    def decide(self, command: ApiKeyCommand, facts: Facts) -> Sequence[ApiKeyEvent]:
        match command:
            case IssueApiKey():
                return [_issued(command, facts)]
            case RotateApiKey():
                self._check_valid(facts)
                until = facts.now + command.grace
                return [ApiKeyRotated(secret_hash=command.secret_hash, old_valid_until=until)]
            case RevokeApiKey():
                return [] if self.is_revoked else [ApiKeyRevoked(reason=command.reason)]

    def evolve(self, event: ApiKeyEvent) -> ApiKey:
        match event:
            case ApiKeyIssued():
                return ApiKey(event.roles, event.commands, event.expires_at)
            case ApiKeyRotated():
                return self
            case ApiKeyRevoked():
                return replace(self, is_revoked=True)

    def _check_valid(self, facts: Facts) -> None:
        if self.is_revoked:
            raise InvariantViolated(f"{facts.stream_id} is revoked; issue another key")
        if self.expires_at is not None and self.expires_at <= facts.now:
            raise InvariantViolated(f"{facts.stream_id} has expired; issue another key")


def _issued(command: IssueApiKey, facts: Facts) -> ApiKeyIssued:
    if command.expires_at is not None and command.expires_at <= facts.now:
        raise InvariantViolated("expires_at must be in the future")
    return ApiKeyIssued(
        name=command.name,
        subject=command.subject or facts.stream_id,
        roles=tuple(sorted(set(command.roles))),
        commands=None if command.commands is None else tuple(sorted(set(command.commands))),
        expires_at=command.expires_at,
        secret_hash=command.secret_hash,
    )
