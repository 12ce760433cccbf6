"""The API keys of all tenants, as the log has them, and the callers that hold them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from api.access.callers import AccessRevocation, Caller, ScheduledRevocation
from api.access.credentials import InvalidCredentials
from api.access.key_format import parse_key
from domain.builtin.apikeys.events import ApiKeyIssued, ApiKeyRotated
from domain.kernel import RecordedEvent, Scope

INVALID = "the API key is unknown, or was revoked"
"""The sender of a wrong key does not learn whether there is a key of this id."""


class KeyId(NamedTuple):
    """A key: its stream, in its tenant."""

    tenant: str
    stream: str


@dataclass(slots=True)
class _Key:
    """A key that is not revoked: the hash of its current secret, and those of earlier ones in their grace."""

    current: str
    earlier: list[str]


class ApiKeys:
    """Finds the holders of API keys by the hashes of their secrets.

    Secrets have 256 random bits: neither a hash nor the time that a lookup takes helps to guess one.
    `on_use` is called with each key that is accepted.
    """

    def __init__(self, clock: Callable[[], datetime], on_use: Callable[[KeyId], None]) -> None:
        self._clock = clock
        self._on_use = on_use
        self._keys: dict[KeyId, _Key] = {}
        self._holders: dict[str, Caller] = {}
        """The caller for each hash. With an earlier secret it expires sooner."""

    def verify(self, credential: str) -> Caller:
        """Return the holder of an API key; raises InvalidCredentials where it is not valid."""
        parsed = parse_key(credential)
        caller = None if parsed is None else self._holders.get(parsed.hash)
        if parsed is None or caller is None or caller.credential != parsed.stream:
            raise InvalidCredentials(INVALID)
        if caller.expires_at is not None and caller.expires_at <= self._clock():
            raise InvalidCredentials("the API key has expired")
        self._on_use(KeyId(caller.scope.tenant, parsed.stream))
        return caller

    def apply(self, event: RecordedEvent) -> ScheduledRevocation | None:
        """Take the event into account, and return what it revokes.

        A key of which an event cannot be read counts as revoked.
        """
        key = KeyId(event.commit.tenant, event.stream)
        match event.payload:
            case ApiKeyIssued() as issued:
                self._add(key, issued, event.commit.at)
                return None
            case ApiKeyRotated() as rotated:
                return self._rotate(key, rotated, event.commit.at)
        return self._remove(key)

    def _add(self, key: KeyId, issued: ApiKeyIssued, at: datetime) -> None:
        commands = issued.commands
        self._keys[key] = _Key(issued.secret_hash, [])
        self._holders[issued.secret_hash] = Caller(
            Scope(key.tenant, issued.subject, f"key:{key.stream}"),
            issued.subject,
            frozenset(issued.roles),
            key.stream,
            issued.expires_at,
            issued_at=at,
            commands=None if commands is None else frozenset(commands),
        )

    def _rotate(self, key: KeyId, rotated: ApiKeyRotated, at: datetime) -> ScheduledRevocation | None:
        entry = self._keys.get(key)
        if entry is None or entry.current == rotated.secret_hash:
            return None
        caller, until = self._holders[entry.current], rotated.old_valid_until
        expires_at = until if caller.expires_at is None else min(until, caller.expires_at)
        self._holders[entry.current] = replace(caller, expires_at=expires_at)
        self._holders[rotated.secret_hash] = replace(caller, issued_at=at)
        entry.earlier.append(entry.current)
        entry.current = rotated.secret_hash
        revocation = AccessRevocation(
            "the API key was rotated", tenant=key.tenant, credential=key.stream, issued_before=at
        )
        return ScheduledRevocation(revocation, until)

    def _remove(self, key: KeyId) -> ScheduledRevocation | None:
        entry = self._keys.pop(key, None)
        for secret_hash in () if entry is None else (entry.current, *entry.earlier):
            del self._holders[secret_hash]
        revocation = AccessRevocation("the API key was revoked", tenant=key.tenant, credential=key.stream)
        return ScheduledRevocation(revocation)
