"""How much a caller or an address may do per second and at a time, over all processes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from types import TracebackType
from typing import NamedTuple, Protocol
from uuid import uuid4

from api.access.callers import Caller
from api.access.client_addresses import client_network
from api.access.connection_places import UNLIMITED, ConnectionPlaces
from api.deferred import Deferred
from api.limits.concurrency import SharedPlaces
from api.limits.outages import Outages
from api.limits.rate_settings import RateSettings
from api.limits.rates import Rate, RateLimits
from api.limits.shared_counts import SharedCounts
from domain.kernel.limit_errors import RateLimited
from eventstore.lru import LruCache
from subscriptions.feed.background import BackgroundLoop

logger = logging.getLogger(__name__)

CACHED_CALLERS = 10_000
"""Callers whose limits are cached."""

BUSY_RETRY = 1.0
"""Seconds that a client is told to wait whose operations are too many at a time."""


class Permit:
    """The permission to run one operation, until `release` or the end of its block."""

    __slots__ = ("_on_release",)

    def __init__(self, on_release: Callable[[], None] | None = None) -> None:
        self._on_release = on_release

    def release(self) -> None:
        """End the operation. A second call does nothing."""
        on_release, self._on_release = self._on_release, None
        if on_release is not None:
            on_release()

    def transfer(self) -> Permit:
        """Return a permit that takes this one's place: the operation goes on after its block."""
        on_release, self._on_release = self._on_release, None
        return Permit(on_release)

    def __enter__(self) -> Permit:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


class CallerLimits(Protocol):
    """Admits the operations of callers."""

    def admit(self, caller: Caller, address: str | None) -> Permit | Awaitable[Permit]:
        """Return the permit of one operation of a caller at this address; raises RateLimited.

        It is an awaitable where Redis must be asked. One that is never awaited takes no place.
        """

    async def note_failure(self, address: str | None) -> None:
        """Note that credentials from this address were not accepted; raises RateLimited after too many."""

    @property
    def are_in_memory(self) -> bool:
        """Whether each process counts alone, because Redis is away."""


class NoCallerLimits:
    """Admits every operation."""

    are_in_memory = False

    def admit(self, _caller: Caller, _address: str | None) -> Permit:
        return Permit()

    async def note_failure(self, _address: str | None) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class _Limit:
    """A rate, and what it belongs to: a caller, a tenant, an address, or the failures of an address."""

    owner: str
    key: str
    rate: Rate


class SharedCallerLimits:
    """Counts operations in Redis. `on_refused` is called with the limit that refuses one."""

    def __init__(
        self,
        settings: RateSettings,
        rates: RateLimits,
        places: SharedPlaces,
        outages: Outages,
        on_refused: Callable[[str], None],
    ) -> None:
        self._max_operations = settings.operations
        self._rate = {
            owner: Rate(rate, rate * settings.burst)
            for owner, rate in (
                ("caller", settings.per_caller),
                ("tenant", settings.per_tenant),
                ("address", settings.per_address),
                ("failures", settings.failures_per_address),
            )
        }
        self._rates = rates
        self._places = places
        self._outages = outages
        self._on_refused = on_refused
        self._cached: LruCache[Caller, Sequence[_Limit]] = LruCache(CACHED_CALLERS)

    @property
    def are_in_memory(self) -> bool:
        return self._outages.is_away

    def admit(self, caller: Caller, address: str | None) -> Permit | Awaitable[Permit]:
        limits = self._limits(caller, address)
        if not limits:
            return Permit()
        delays = [self._rates.take(limit.key, limit.rate) for limit in limits]
        known = [delay for delay in delays if isinstance(delay, float)]
        if len(known) < len(delays):
            return Deferred(self._admit_later, limits, delays)
        self._check_rates(limits, known)
        place = self._places.take(limits[0].key, self._max_operations)
        if isinstance(place, bool):
            return self._permit(limits[0], place)
        return Deferred(self._wait, limits[0], place)

    async def note_failure(self, address: str | None) -> None:
        if address is None:
            return
        limit = self._limit("failures", client_network(address))
        if delay := await _result(self._rates.take(limit.key, limit.rate)):
            self._on_refused(limit.owner)
            raise RateLimited(
                "this address has sent too many credentials that are not accepted; try again later",
                retry_after=delay,
            )

    async def _admit_later(
        self, limits: Sequence[_Limit], delays: Sequence[float | Awaitable[float]]
    ) -> Permit:
        known = await asyncio.gather(*map(_result, delays))
        self._check_rates(limits, known)
        place = self._places.take(limits[0].key, self._max_operations)
        return self._permit(limits[0], place if isinstance(place, bool) else await place)

    async def _wait(self, limit: _Limit, place: Awaitable[bool]) -> Permit:
        return self._permit(limit, await place)

    def _check_rates(self, limits: Sequence[_Limit], delays: Sequence[float]) -> None:
        for limit, delay in zip(limits, delays, strict=True):
            if delay:
                self._on_refused(limit.owner)
                raise RateLimited(
                    f"the {limit.owner} may start {limit.rate.rate:g} operations a second; try again later",
                    retry_after=delay,
                )

    def _permit(self, limit: _Limit, is_free: bool) -> Permit:
        if not is_free:
            self._on_refused("operations")
            raise RateLimited(
                f"the {limit.owner} may run {self._max_operations} operations at a time; "
                "wait until one has ended",
                retry_after=BUSY_RETRY,
            )
        return Permit(lambda: self._places.give_back(limit.key))

    def _limits(self, caller: Caller, address: str | None) -> Sequence[_Limit]:
        """Return the limits of the caller and its tenant; without credentials, of its address."""
        if caller.subject is None:
            return () if address is None else (self._limit("address", client_network(address)),)
        limits = self._cached.get(caller)
        if limits is None:
            own = self._limit("caller", caller.own_tenant, caller.subject)
            limits = (own, self._limit("tenant", caller.scope.tenant))
            self._cached.put(caller, limits)
        return limits

    def _limit(self, owner: str, *parts: str) -> _Limit:
        return _Limit(owner, _key(owner, *parts), self._rate[owner])


class SharedConnectionPlaces:
    """Counts open connections in Redis: at most `limit` of one caller."""

    def __init__(self, places: SharedPlaces, limit: int, on_refused: Callable[[str], None]) -> None:
        self._places = places
        self._limit = limit
        self._on_refused = on_refused

    def take(self, caller: Caller) -> bool | Awaitable[bool]:
        place = self._places.take(_connections_of(caller), self._limit)
        return self._noted(place) if isinstance(place, bool) else Deferred(self._wait, place)

    def give_back(self, caller: Caller) -> None:
        self._places.give_back(_connections_of(caller))

    async def _wait(self, place: Awaitable[bool]) -> bool:
        return self._noted(await place)

    def _noted(self, is_free: bool) -> bool:
        if not is_free:
            self._on_refused("connections")
        return is_free


def _connections_of(caller: Caller) -> str:
    return _key("connections", caller.own_tenant, caller.subject or "")


@lru_cache(10_000)
def _key(owner: str, *parts: str) -> str:
    """Return the key of the counts. Subjects may be personal and contain anything; no two have one digest."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return f"{owner}:{blake2b(text.encode(), digest_size=16).hexdigest()}"


async def _result(delay: float | Awaitable[float]) -> float:
    return delay if isinstance(delay, float) else await delay


class OpenedLimits(NamedTuple):
    """The limits of operations and of connections."""

    operations: CallerLimits
    connections: ConnectionPlaces


@asynccontextmanager
async def open_caller_limits(
    settings: RateSettings | None,
    redis_url: str,
    database: str,
    max_connections: int,
    on_refused: Callable[[str], None],
    *,
    cluster: bool = False,
) -> AsyncIterator[OpenedLimits]:
    """Yield the limits that the settings have, counted in this Redis; without settings there are none."""
    if settings is None:
        yield OpenedLimits(NoCallerLimits(), UNLIMITED)
        return
    counts = SharedCounts(redis_url, database, uuid4().hex, cluster=cluster)
    outages = Outages()
    rates, places = RateLimits(counts, outages), SharedPlaces(counts, outages)
    renewing = BackgroundLoop(places.renew, "places of operations are not renewed", logger)
    renewing.start()
    try:
        yield OpenedLimits(
            SharedCallerLimits(settings, rates, places, outages, on_refused),
            SharedConnectionPlaces(places, max_connections, on_refused),
        )
    finally:
        await renewing.stop(insist=True)
        await rates.close()
        await places.close()
        await counts.close()
