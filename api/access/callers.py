"""The port of authentication: the caller of a request or socket, and the revocation of its access."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.kernel import Scope
from domain.kernel.access import ADMINISTRATOR, DEPLOYMENT, ClaimValue


@dataclass(frozen=True, slots=True)
class Caller:
    """The user or service on whose behalf a request or socket acts.

    `subject` identifies it, and `credential` the token or key that it authenticated with. Both are None for a
    caller without credentials. Rules of access ask for its `subject`, `roles` and `claims`. It may send
    `commands` alone, or all that its roles allow where that is None. The credential was issued at
    `issued_at`, None where that is not known. Access expires at `expires_at`, if that is given. A caller that
    acts in another tenant than its own has the other one in its `scope`, and its own as `home_tenant`.
    """

    scope: Scope = field(default_factory=Scope)
    subject: str | None = None
    roles: frozenset[str] = frozenset()
    credential: str | None = None
    expires_at: datetime | None = None
    claims: Mapping[str, ClaimValue] = field(default_factory=dict, compare=False)
    issued_at: datetime | None = None
    commands: frozenset[str] | None = None
    home_tenant: str | None = None
    _claims_text: str = field(init=False, repr=False)
    """The claims with the types of their values: rules tell 1 and True apart, which are equal in Python."""

    _hash: int = field(init=False, repr=False, compare=False)
    """Made once, because each request looks for its caller in several caches."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_claims_text", repr(sorted(self.claims.items())))
        parts = (self.scope, self.subject, self.roles, self.credential, self.expires_at, self._claims_text)
        object.__setattr__(self, "_hash", hash((parts, self.issued_at, self.commands, self.home_tenant)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def own_tenant(self) -> str:
        """The tenant of its credentials."""
        return self.home_tenant or self.scope.tenant

    @property
    def is_anonymous(self) -> bool:
        """Whether the caller has no credentials, where they are needed for what is not public."""
        return self.subject is None and not self.roles


UNRESTRICTED = Caller(roles=frozenset((ADMINISTRATOR, DEPLOYMENT)))
"""The caller of every request where there is no authentication."""

ANONYMOUS = Caller()
"""The caller of a request without credentials, where there is authentication. It may do what `anyone` may."""


@dataclass(frozen=True, slots=True)
class AccessRevocation:
    """The end of access for all callers that match every given field. Clients receive the `reason`.

    With `issued_before` it ends for credentials that were issued before that moment, or at an unknown one.
    """

    reason: str
    tenant: str | None = None
    subject: str | None = None
    role: str | None = None
    credential: str | None = None
    issued_before: datetime | None = None

    def matches(self, caller: Caller) -> bool:
        """Return whether the caller's access has ended."""
        issued_before, issued_at = self.issued_before, caller.issued_at
        return (
            (issued_before is None or issued_at is None or issued_at < issued_before)
            and self.tenant in (None, caller.own_tenant)
            and self.subject in (None, caller.subject)
            and self.credential in (None, caller.credential)
            and (self.role is None or self.role in caller.roles)
        )


@dataclass(frozen=True, slots=True)
class ScheduledRevocation:
    """A revocation that holds from `at` on, at once where that is None."""

    revocation: AccessRevocation
    at: datetime | None = None


class Authenticator(Protocol):
    """Finds the caller of a request or socket."""

    def authenticate(self, headers: Mapping[str, str]) -> Caller | Awaitable[Caller]:
        """Return the caller that sent these headers; raises Unauthenticated or Forbidden.

        Header names are in lower case, and a repeated header has all its values. Over a socket, credentials
        in the payload of `connection_init` are added to the headers of the handshake. An implementation may
        be a coroutine function, and need not be one.
        """

    def watch_revocations(
        self, on_revoked: Callable[[AccessRevocation], object]
    ) -> AbstractAsyncContextManager[None]:
        """Call `on_revoked` in the loop of the API each time that access ends early.

        The context manager is entered for as long as the API serves.
        """


class OpenAuthenticator:
    """Accepts every request without authentication, as a caller that may do everything."""

    def authenticate(self, _headers: Mapping[str, str]) -> Caller:
        return UNRESTRICTED

    def watch_revocations(
        self, _on_revoked: Callable[[AccessRevocation], object]
    ) -> AbstractAsyncContextManager[None]:
        return nullcontext()


OPEN = OpenAuthenticator()
