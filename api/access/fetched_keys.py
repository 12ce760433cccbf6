"""The key set of an issuer: fetched ahead, fetched again at an unknown key, kept while the issuer is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic

from api.access.token_keys import TokenKey
from api.deferred import Deferred
from domain.kernel.errors import Unavailable

logger = logging.getLogger(__name__)

REFRESH_INTERVAL = 600.0
"""Seconds between two fetches. A key that the issuer has withdrawn is accepted for no longer."""

RETRY_INTERVAL = 10.0
"""Seconds between two fetches because of unknown keys, and between two attempts while the issuer is away."""

MAX_AGE = 86_400.0
"""Seconds for which keys are used while the issuer is away. After that no token is accepted."""

MAX_WAITING = 500
"""Requests that wait for one fetch; further ones with unknown keys are refused at once."""


class FetchFailed(Exception):
    """The keys of the issuer could not be fetched. The message says why."""


class FetchedKeys:
    """Finds keys in the set that `fetch` returned last; `fetch` raises FetchFailed."""

    def __init__(
        self, fetch: Callable[[], Awaitable[Sequence[TokenKey]]], clock: Callable[[], float] = monotonic
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: frozenset[TokenKey] = frozenset()
        self._fetched_at: float | None = None
        self._next_fetch = 0.0
        self._fetching: asyncio.Task[None] | None = None
        self._waiting = 0

    @asynccontextmanager
    async def refreshing(self) -> AsyncIterator[None]:
        """Fetch the keys regularly inside the block, the first time at once."""
        task = asyncio.create_task(self._refresh())
        try:
            yield
        finally:
            for each in (task, self._fetching):
                if each is not None:
                    each.cancel()

    def find(self, id: str | None, algorithm: str) -> TokenKey | Awaitable[TokenKey | None] | None:
        """Return the key with this id for this algorithm, or None; a token without an id needs a set of one.

        It is an awaitable where the key is unknown and the keys may be fetched again. Raises Unavailable
        where there are no keys that may be used.
        """
        key = self._look_up(id, algorithm) if self._usable else None
        if key is not None:
            return key
        if self._fetching is None and self._clock() < self._next_fetch:
            self._require_usable()
            return None
        return Deferred(self._find_later, id, algorithm)

    def is_current(self, key: TokenKey) -> bool:
        return key in self._keys and self._usable

    @property
    def _usable(self) -> bool:
        """Whether the keys are not too old to trust them."""
        return self._fetched_at is not None and self._clock() - self._fetched_at < MAX_AGE

    def _look_up(self, id: str | None, algorithm: str) -> TokenKey | None:
        fitting = [key for key in self._keys if algorithm in key.algorithms]
        if id is None:
            return fitting[0] if len(fitting) == 1 else None
        return next((key for key in fitting if key.id == id), None)

    async def _find_later(self, id: str | None, algorithm: str) -> TokenKey | None:
        if self._waiting >= MAX_WAITING:
            self._require_usable()
            return None
        self._waiting += 1
        try:
            await asyncio.shield(self._start_fetch())
        finally:
            self._waiting -= 1
        self._require_usable()
        return self._look_up(id, algorithm)

    def _require_usable(self) -> None:
        if not self._usable:
            raise Unavailable("the keys that verify tokens cannot be fetched from their issuer; try again")

    def _start_fetch(self) -> asyncio.Task[None]:
        """Return the fetch in progress; start one if there is none."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._replace_keys())
        return self._fetching

    async def _replace_keys(self) -> None:
        try:
            keys = await self._fetch()
        except FetchFailed as error:
            logger.warning("the keys of the issuer of tokens could not be fetched: %s", error)
        else:
            self._keys, self._fetched_at = frozenset(keys), self._clock()
        finally:
            self._next_fetch = self._clock() + RETRY_INTERVAL
            self._fetching = None

    async def _refresh(self) -> None:
        while True:
            started = self._clock()
            await asyncio.shield(self._start_fetch())
            has_failed = self._fetched_at is None or self._fetched_at < started
            await asyncio.sleep(RETRY_INTERVAL if has_failed else REFRESH_INTERVAL)
