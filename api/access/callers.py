"""The port of access: on whose behalf a request or a connection speaks, and whose access has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.kernel import Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a request or a connection speaks.

    `subject` is who that is, and `credential` the token or key that shows it: None where nobody asks. Access
    ends by itself at `expires_at`, if that is given.
    """

    scope: Scope = field(default_factory=Scope)
    subject: str | None = None
    roles: frozenset[str] = frozenset()
    credential: str | None = None
    expires_at: datetime | None = None


ANYONE = Caller()


@dataclass(frozen=True, slots=True)
class AccessRevocation:
    """Access ended for all callers of whom all holds that is given; `reason` is told to them."""

    reason: str
    tenant: str | None = None
    subject: str | None = None
    role: str | None = None
    credential: str | None = None

    def concerns(self, caller: Caller) -> bool:
        """Whether it is one of those callers."""
        return (
            self.tenant in (None, caller.scope.tenant)
            and self.subject in (None, caller.subject)
            and self.credential in (None, caller.credential)
            and (self.role is None or self.role in caller.roles)
        )


class Authenticator(Protocol):
    """Decides who comes in."""

    def admit(self, headers: Mapping[str, str]) -> Caller | Awaitable[Caller]:
        """Who sends these headers, their names in lower case; raises Unauthenticated or Forbidden.

        Over a socket the texts of the `connection_init` payload stand beside the headers of the handshake.
        An implementation may be a coroutine function; where it has to wait for nothing it need not be one.
        """

    def following(self, end: Callable[[AccessRevocation], object]) -> AbstractAsyncContextManager[None]:
        """Entered for as long as the API serves: call `end`, in its loop, when access ends early."""


class OpenAuthenticator:
    """Asks nobody who they are: everyone may do everything."""

    def admit(self, _headers: Mapping[str, str]) -> Caller:
        return ANYONE

    def following(self, _end: Callable[[AccessRevocation], object]) -> AbstractAsyncContextManager[None]:
        return nullcontext()


OPEN = OpenAuthenticator()
