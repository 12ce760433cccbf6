"""Authenticates requests by their token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Protocol

from api.access.callers import ANONYMOUS, AccessRevocation, Caller
from api.access.credentials import find_credential


class CredentialVerifier(Protocol):
    """Finds the caller of a token or of an API key."""

    def verify(self, credential: str) -> Caller | Awaitable[Caller]:
        """Return the caller; raises Unauthenticated. It may be a coroutine function."""


Background = Callable[[], AbstractAsyncContextManager[None]]
"""What has to run for as long as requests are authenticated."""


class CredentialAuthenticator:
    """Finds the caller of a request by its credential. Wrong credentials are always refused.

    `cookie` is the name of the cookie that may contain the token. A request without credentials has the
    caller `anonymous`.
    """

    def __init__(
        self,
        tokens: CredentialVerifier,
        cookie: str | None = None,
        anonymous: Caller = ANONYMOUS,
        background: Background = nullcontext,
    ) -> None:
        self._tokens = tokens
        self._cookie = cookie
        self._anonymous = anonymous
        self._background = background

    def authenticate(self, headers: Mapping[str, str]) -> Caller | Awaitable[Caller]:
        credential = find_credential(headers, self._cookie)
        return self._anonymous if credential is None else self._tokens.verify(credential)

    @asynccontextmanager
    async def watch_revocations(
        self, _on_revoked: Callable[[AccessRevocation], object]
    ) -> AsyncIterator[None]:
        async with self._background():
            yield
