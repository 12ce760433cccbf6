"""Places of keys over all processes: what runs or is open at a time.

Each process holds places in Redis for a few seconds, some more than it uses, and renews them. So most
operations wait for nothing, and the places of a process that was killed come back by themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from api.deferred import Deferred
from api.limits.outages import Outages
from api.limits.shared_counts import SharedCounts

LIFETIME = 15.0
"""Seconds for which places are held in Redis."""

RENEW_EVERY = 5.0
"""Seconds between renewals."""

SPARE_SHARE = 0.05
"""Places that a process holds in advance, as a part of those of a key."""

REFUSED_FOR = 0.1
"""Seconds for which a refusal holds, so that refusals cost no calls of Redis."""

_RENEWED_AT_ONCE = 50


class _Held:
    """The places of one key that this process uses, and those that it holds; `takers` wait for more."""

    __slots__ = ("growth", "held", "limit", "refused_until", "takers", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.held = 0
        self.takers = 0
        self.refused_until = 0.0
        self.growth: asyncio.Task[None] | None = None

    @property
    def wanted(self) -> int:
        """The places to hold: those in use and a few more, none where none is in use."""
        return self.used and min(self.limit, self.used + self.spare)

    @property
    def spare(self) -> int:
        return max(1, int(self.limit * SPARE_SHARE))


class SharedPlaces:
    """Takes places of keys. While Redis is away, each process grants all places of a key by itself."""

    def __init__(
        self, shared: SharedCounts, outages: Outages, clock: Callable[[], float] = monotonic
    ) -> None:
        self._shared = shared
        self._outages = outages
        self._clock = clock
        self._held: dict[str, _Held] = {}

    def take(self, key: str, limit: int) -> bool | Awaitable[bool]:
        """Take one of the key's `limit` places, and return whether there was one.

        It is an awaitable where Redis must be asked.
        """
        places = self._places(key, limit)
        if places.used < places.held:
            places.used += 1
            return True
        if self._clock() < places.refused_until:
            return False
        return Deferred(self._take_grown, key, limit)

    def give_back(self, key: str) -> None:
        """Give back a place that was taken."""
        self._held[key].used -= 1

    async def renew(self) -> float:
        """Renew the places in use, and give back the others; return the seconds until the next renewal."""
        keys = list(self._held)
        for start in range(0, len(keys), _RENEWED_AT_ONCE):
            await asyncio.gather(*map(self._renew, keys[start : start + _RENEWED_AT_ONCE]))
        return RENEW_EVERY

    async def close(self) -> None:
        """Give back all places."""
        for places in self._held.values():
            places.used = 0
        await self.renew()

    async def _renew(self, key: str) -> None:
        places = self._held[key]
        await self._hold(key, places, places.wanted)
        if not (places.used or places.takers or places.growth):
            del self._held[key]

    def _places(self, key: str, limit: int) -> _Held:
        places = self._held.get(key)
        if places is None:
            places = self._held[key] = _Held(limit)
        return places

    async def _take_grown(self, key: str, limit: int) -> bool:
        places = self._places(key, limit)
        places.takers += 1
        try:
            while places.used >= places.held:
                if self._clock() < places.refused_until:
                    return False
                if places.growth is None:
                    places.growth = asyncio.create_task(self._grow(key, places))
                await asyncio.shield(places.growth)
            places.used += 1
            return True
        finally:
            places.takers -= 1

    async def _grow(self, key: str, places: _Held) -> None:
        try:
            await self._hold(key, places, min(places.limit, places.used + places.spare))
        finally:
            places.growth = None
        if places.used >= places.held:
            places.refused_until = self._clock() + REFUSED_FOR

    async def _hold(self, key: str, places: _Held, wanted: int) -> None:
        granted = await self._outages.call(
            lambda: self._shared.set_places(key, wanted, places.limit, LIFETIME)
        )
        places.held = places.limit if granted is None else granted
