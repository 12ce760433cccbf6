"""Access by tokens that a test hands out and takes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from api.access.callers import Caller, Ended
from domain.kernel.errors import Forbidden, Unauthenticated


class Tokens:
    """Lets in who shows a token, as ``authorization: Bearer TOKEN``. It serves one API, from any thread.

    `asked` are the tokens that were shown, in their order.
    """

    def __init__(self) -> None:
        self._callers: dict[str, Caller] = {}
        self._held_back: dict[str, asyncio.Event] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: Callable[[Ended], object] | None = None
        self.asked: list[str] = []

    def grant(self, token: str, caller: Caller) -> str:
        """Whoever shows the token is this caller; returns what that is shown as."""
        self._callers[token] = caller
        return f"Bearer {token}"

    def hold_back(self, token: str) -> Callable[[], None]:
        """It is not decided on the token until what is returned is called."""
        waiting = self._held_back[token] = asyncio.Event()
        return lambda: self._run(waiting.set)

    def end(self, ended: Ended) -> None:
        """Access ends at once for those concerned."""
        self._run(lambda: self._end and self._end(ended))

    async def admit(self, headers: Mapping[str, str]) -> Caller:
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind != "Bearer":
            raise Unauthenticated("show a token")
        self.asked.append(token)
        if waiting := self._held_back.get(token):
            await waiting.wait()
        if token not in self._callers:
            raise Forbidden("this token is not known")
        return self._callers[token]

    @asynccontextmanager
    async def following(self, end: Callable[[Ended], object]) -> AsyncIterator[None]:
        self._loop, self._end = asyncio.get_running_loop(), end
        yield

    def _run(self, function: Callable[[], object]) -> None:
        assert self._loop is not None, "no API is served with these tokens"
        self._loop.call_soon_threadsafe(function)
