"""Tokens for development, which `nerve dev` accepts on this machine: a developer acts as any caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Annotated, Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import BaseModel, ConfigDict, Field, field_validator

from api.access.callers import AccessRevocation, Authenticator, Caller
from api.access.credentials import InvalidCredentials, find_credential
from api.access.token_claims import MAX_TEXT, MAX_VALUES
from domain.kernel import Scope
from domain.kernel.access import ClaimValue
from domain.kernel.errors import ValidationFailed
from domain.kernel.tenants import check_tenant

LIFETIME = timedelta(hours=12)
MAX_TOKEN = 8_192
"""Characters of a token, as everywhere."""

_ISSUER = "nerve dev"
_HEADER = {"alg": "HS256", "kid": _ISSUER}
_Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class DevelopmentCaller(BaseModel):
    """A caller that a developer makes up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: _Text
    tenant: str = Scope().tenant
    roles: Annotated[tuple[_Text, ...], Field(max_length=MAX_VALUES)] = ()
    claims: Annotated[dict[_Text, ClaimValue], Field(max_length=MAX_VALUES)] = {}

    @field_validator("tenant")
    @classmethod
    def _check_tenant(cls, value: str) -> str:
        try:
            return check_tenant(value)
        except ValidationFailed as error:
            raise ValueError(str(error)) from None


class DevelopmentTokens:
    """Signs and verifies the tokens of one data folder with its `key`."""

    def __init__(self, key: str, clock: Callable[[], datetime]) -> None:
        self._key = OctKey.import_key(key.encode())
        self._clock = clock
        self._prefix = self._sign({}).partition(".")[0] + "."
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock().timestamp()),
            iss={"essential": True, "value": _ISSUER},
            exp={"essential": True},
        )

    def issue(self, caller: DevelopmentCaller) -> str:
        """Return a token of this caller, which expires after some hours; raises ValidationFailed."""
        now = self._clock()
        times = {"iat": int(now.timestamp()), "exp": int((now + LIFETIME).timestamp())}
        token = self._sign({"iss": _ISSUER, "caller": caller.model_dump(mode="json"), **times})
        if len(token) > MAX_TOKEN:
            raise ValidationFailed(f"the token would have more than {MAX_TOKEN} characters", ("claims",))
        return token

    def recognises(self, credential: str) -> bool:
        """Return whether a credential claims to be a token for development."""
        return credential.startswith(self._prefix) and len(credential) <= MAX_TOKEN

    def verify(self, token: str) -> Caller:
        """Return the caller of the token; raises InvalidCredentials."""
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"]).claims
            self._claims.validate(claims)
            caller = DevelopmentCaller.model_validate(claims["caller"])
        except (JoseError, KeyError, ValueError):
            raise InvalidCredentials(
                "the token for development has expired, or is of another data folder; make a new one"
            ) from None
        return Caller(
            Scope(caller.tenant, caller.subject, "jwt"),
            caller.subject,
            frozenset(caller.roles),
            f"development-{caller.subject}",
            datetime.fromtimestamp(claims["exp"], self._clock().tzinfo),
            caller.claims,
            datetime.fromtimestamp(claims["iat"], self._clock().tzinfo),
        )

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(_HEADER, claims, self._key)


class DevelopmentAuthenticator:
    """Accepts tokens for development, and leaves all other requests to the authenticator of the settings."""

    def __init__(self, authenticator: Authenticator, tokens: DevelopmentTokens) -> None:
        self._authenticator = authenticator
        self._tokens = tokens

    def authenticate(self, headers: Mapping[str, str]) -> Caller | Awaitable[Caller]:
        if "authorization" in headers:
            credential = find_credential({"authorization": headers["authorization"]}, None) or ""
            if self._tokens.recognises(credential):
                return self._tokens.verify(credential)
        return self._authenticator.authenticate(headers)

    def watch_revocations(
        self, on_revoked: Callable[[AccessRevocation], object]
    ) -> AbstractAsyncContextManager[None]:
        return self._authenticator.watch_revocations(on_revoked)
