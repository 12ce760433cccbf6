"""Authenticates requests by their credential: an API key or a token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Protocol

from api.access.access_follower import AccessFollower
from api.access.callers import AccessRevocation, Caller
from api.access.credentials import (
    API_KEY_PREFIX,
    CREDENTIALS_NEEDED,
    InvalidCredentials,
    find_credential,
)
from api.deferred import Deferred
from domain.kernel.errors import Unauthenticated


class CredentialVerifier(Protocol):
    """Finds the caller of a token or of an API key."""

    def verify(self, credential: str) -> Caller | Awaitable[Caller]:
        """Return the caller; raises Unauthenticated. It may be a coroutine function."""


Background = Callable[[], AbstractAsyncContextManager[None]]
"""What has to run for as long as requests are authenticated."""


class RefusingVerifier:
    """Accepts no credential, because the settings name none of the kind."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def verify(self, _credential: str) -> Caller:
        raise InvalidCredentials(self._reason)


class CredentialAuthenticator:
    """Finds the caller of a request by its credential. Wrong credentials are always refused.

    `cookie` is the name of the cookie that may contain the token. A request without credentials has the
    caller `anonymous`, and is refused where that is None. Access that has ended is refused, as `follower`
    reads it in the log.
    """

    def __init__(
        self,
        follower: AccessFollower,
        keys: CredentialVerifier,
        tokens: CredentialVerifier,
        *,
        anonymous: Caller | None,
        cookie: str | None = None,
        background: Background = nullcontext,
    ) -> None:
        self._follower = follower
        self._keys = keys
        self._tokens = tokens
        self._anonymous = anonymous
        self._cookie = cookie
        self._background = background

    def authenticate(self, headers: Mapping[str, str]) -> Caller | Awaitable[Caller]:
        credential = find_credential(headers, self._cookie)
        if credential is None:
            return self._anonymous_caller()
        verifier = self._keys if credential.startswith(API_KEY_PREFIX) else self._tokens
        caller = verifier.verify(credential)
        return self._checked(caller) if isinstance(caller, Caller) else Deferred(self._check_later, caller)

    @asynccontextmanager
    async def watch_revocations(
        self, on_revoked: Callable[[AccessRevocation], object]
    ) -> AsyncIterator[None]:
        async with self._follower.following(on_revoked), self._background():
            yield

    def _anonymous_caller(self) -> Caller:
        if self._anonymous is None:
            raise Unauthenticated(CREDENTIALS_NEEDED)
        return self._anonymous

    async def _check_later(self, verifying: Awaitable[Caller]) -> Caller:
        return self._checked(await verifying)

    def _checked(self, caller: Caller) -> Caller:
        self._follower.revocations.check(caller)
        return caller
