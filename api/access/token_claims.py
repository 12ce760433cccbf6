"""What the claims of a verified token say about its caller."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from api.access.callers import Caller
from api.auth_settings import AuthSettings
from domain.kernel import Scope
from domain.kernel.access import ClaimValue
from domain.kernel.errors import ValidationFailed
from domain.kernel.tenants import check_tenant

MAX_TEXT = 255
"""Characters of a subject, a role, or a text among the claims."""

MAX_VALUES = 200
"""Roles of a caller, and elements of a claim that is a list."""

_INTEGERS = range(-(2**63), 2**63)
"""What MongoDB can compare a claim with."""


class InvalidClaim(Exception):
    """A claim is missing or has an unsuitable value. The message names the claim and not its value."""


class ClaimReader:
    """Reads callers from claims, as the settings say."""

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings

    def read(self, claims: Mapping[str, Any], credential: str, expires_at: datetime) -> Caller:
        """Return the caller that authenticated with this token; raises InvalidClaim."""
        subject = self._subject(claims)
        return Caller(
            Scope(self._tenant(claims), subject, "jwt"),
            subject,
            self._roles(claims),
            credential,
            expires_at,
            self._further_claims(claims),
            _issue_time(claims),
        )

    def _subject(self, claims: Mapping[str, Any]) -> str:
        path = self._settings.subject_claim
        return _text(path, find_claim(claims, path))

    def _tenant(self, claims: Mapping[str, Any]) -> str:
        path = self._settings.tenant_claim
        if path is None:
            return Scope().tenant
        tenant = find_claim(claims, path)
        try:
            return check_tenant(tenant)
        except ValidationFailed as error:
            raise InvalidClaim(f"{path}: {error}") from None

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[str]:
        path, mapping = self._settings.roles_claim, self._settings.role_map
        value = find_claim(claims, path)
        names = value.split() if isinstance(value, str) else [] if value is None else value
        if not isinstance(names, list) or len(names) > MAX_VALUES:
            raise InvalidClaim(f"{path} is neither a list of up to {MAX_VALUES} roles nor a text with spaces")
        roles = [_text(path, name) for name in names]
        return frozenset(mapping[role] for role in roles if role in mapping) if mapping else frozenset(roles)

    def _further_claims(self, claims: Mapping[str, Any]) -> dict[str, ClaimValue]:
        values = {path: find_claim(claims, path) for path in self._settings.claims}
        return {path: _value(path, value) for path, value in values.items() if value is not None}


def _issue_time(claims: Mapping[str, Any]) -> datetime | None:
    """Return when the token was issued, or None if it does not say; the future was refused before."""
    issued = claims.get("iat")
    try:
        return None if issued is None else datetime.fromtimestamp(issued, UTC)
    except (OverflowError, ValueError, OSError):
        raise InvalidClaim("iat is before the year 1") from None


def find_claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return the claim of this name or at this dotted path; None if there is none.

    A name may itself contain dots, as https://app.example/roles does.
    """
    if path in claims:
        return claims[path]
    for dot in (match.start() for match in re.finditer(r"\.", path)):
        nested = claims.get(path[:dot])
        if isinstance(nested, dict) and (value := find_claim(nested, path[dot + 1 :])) is not None:
            return value
    return None


def _text(path: str, value: Any) -> str:
    """Return a text without control characters and lone surrogates, which logs and MongoDB cannot have."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise InvalidClaim(f"{path} is not a text of 1 to {MAX_TEXT} characters")
    if not value.isprintable() or value != value.strip():
        raise InvalidClaim(f"{path} has control characters, or spaces around it")
    return value


def _value(path: str, value: Any) -> ClaimValue:
    if isinstance(value, list) and len(value) <= MAX_VALUES:
        return tuple(_single_value(path, element) for element in value)
    return _single_value(path, value)


def _single_value(path: str, value: Any) -> str | int | bool:
    if isinstance(value, bool) or (isinstance(value, int) and value in _INTEGERS):
        return value
    return _text(path, value)
