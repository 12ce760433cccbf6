"""Access by tokens that a test hands out and takes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from pymongo import MongoClient

from api.access.callers import AccessRevocation, Caller
from api.ids import now
from domain.kernel import Scope
from domain.kernel.access import METRICS
from domain.kernel.errors import Forbidden, Unauthenticated
from tests.helpers.served_api import Served, serve

EDITOR = frozenset({"editor"})
"""The roles of callers that may send the commands of tasks, agents, workflows and documents."""


class Tokens:
    """Lets in who shows a token, as ``authorization: Bearer TOKEN``. It serves one API, from any thread.

    `asked` are the tokens that were shown, in their order.
    """

    def __init__(self) -> None:
        self._callers: dict[str, Caller] = {}
        self._held_back: dict[str, asyncio.Event] = {}
        self._lifetimes: dict[str, timedelta] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: Callable[[AccessRevocation], object] | None = None
        self.asked: list[str] = []

    def grant(self, token: str, caller: Caller) -> str:
        """Whoever shows the token is this caller; returns what that is shown as."""
        self._callers[token] = caller
        return f"Bearer {token}"

    def limit(self, token: str, lifetime: timedelta) -> None:
        """The access expires so long after the token is shown, however late a busy machine shows it."""
        self._lifetimes[token] = lifetime

    def hold_back(self, token: str) -> Callable[[], None]:
        """It is not decided on the token until what is returned is called."""
        waiting = self._held_back[token] = asyncio.Event()
        return lambda: self._run(waiting.set)

    def end(self, ended: AccessRevocation) -> None:
        """Access ends at once for those concerned."""
        self._run(lambda: self._end and self._end(ended))

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind != "Bearer":
            raise Unauthenticated("show a token")
        self.asked.append(token)
        if waiting := self._held_back.get(token):
            await waiting.wait()
        if token not in self._callers:
            raise Forbidden("this token is not known")
        caller = self._callers[token]
        lifetime = self._lifetimes.get(token)
        return caller if lifetime is None else replace(caller, expires_at=now() + lifetime)

    @asynccontextmanager
    async def watch_revocations(
        self, on_revoked: Callable[[AccessRevocation], object]
    ) -> AsyncIterator[None]:
        self._loop, self._end = asyncio.get_running_loop(), on_revoked
        yield

    def _run(self, function: Callable[[], object]) -> None:
        assert self._loop is not None, "no API is served with these tokens"
        self._loop.call_soon_threadsafe(function)


@contextmanager
def serve_with(tokens: Tokens | None, mongo_url: str, redis_url: str, **own: Any) -> Iterator[Served]:
    """An API with a database of its own, for who shows one of the tokens; without them, by its settings."""
    database = f"test_{uuid4().hex}"
    servers: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(tokens, **{"worker": False, **servers, **own}) as served:
        yield served
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


def scraper() -> Caller:
    """Return a caller that may read metrics, and nothing else."""
    return Caller(subject="scraper", roles=frozenset({METRICS}))


def somebody() -> Caller:
    """Somebody of a tenant of the test's own."""
    tenant = uuid4().hex
    return Caller(Scope(tenant, "ada"), f"ada@{tenant}", EDITOR, credential=uuid4().hex)
