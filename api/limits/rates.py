"""Rates of operations over all processes: tokens are leased from Redis, a few at a time.

One call of Redis grants the tokens of a tenth of a second. So most operations wait for nothing, and a key
costs at most ten calls a second, however many operations there are.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

from api.deferred import Deferred
from api.limits.outages import Outages
from api.limits.shared_counts import SharedCounts
from api.limits.token_bucket import TokenBucket

LEASE_SHARE = 0.1
"""Seconds of the rate that are leased at a time."""

LEASE_TIME = 1.0
"""Seconds after which leased tokens are forgotten, so that no idle process keeps them."""

MAX_KEYS = 10_000
"""Keys that are kept. The one that was used the longest time ago is forgotten; its leased tokens are lost."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Tokens a second, of which `burst` may be used at once; `lease` are those that are leased at a time."""

    rate: float
    burst: float
    lease: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lease", max(1, int(min(self.burst / 2, self.rate * LEASE_SHARE))))


class _Lease:
    """The tokens of one key that this process has."""

    __slots__ = ("bucket", "expires_at", "refused_until", "renewal", "tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self.tokens = 0
        self.expires_at = self.refused_until = 0.0
        self.renewal: asyncio.Task[None] | None = None
        self.bucket = TokenBucket(rate.rate, rate.burst, now)
        """Counts while Redis is away."""


class RateLimits:
    """Takes tokens of keys. While Redis is away, each process grants the whole rate by itself."""

    def __init__(
        self, shared: SharedCounts, outages: Outages, clock: Callable[[], float] = monotonic
    ) -> None:
        self._shared = shared
        self._outages = outages
        self._clock = clock
        self._leases: OrderedDict[str, _Lease] = OrderedDict()

    def take(self, key: str, rate: Rate) -> float | Awaitable[float]:
        """Take a token; return 0, or the seconds after which there will be one.

        It is an awaitable where Redis must be asked.
        """
        now, lease = self._clock(), self._lease(key, rate)
        if now < lease.refused_until:
            return lease.refused_until - now
        if not lease.tokens or now >= lease.expires_at:
            return Deferred(self._take_renewed, key, rate, lease)
        lease.tokens -= 1
        if lease.tokens < rate.lease // 2 and lease.renewal is None:
            self._renew(key, rate, lease)
        return 0.0

    async def close(self) -> None:
        """Cancel calls of Redis."""
        renewals = [lease.renewal for lease in self._leases.values() if lease.renewal]
        for renewal in renewals:
            renewal.cancel()
        await asyncio.gather(*renewals, return_exceptions=True)

    def _lease(self, key: str, rate: Rate) -> _Lease:
        lease = self._leases.get(key)
        if lease is None:
            lease = self._leases[key] = _Lease(rate, self._clock())
            if len(self._leases) > MAX_KEYS:
                self._leases.popitem(last=False)
        else:
            self._leases.move_to_end(key)
        return lease

    async def _take_renewed(self, key: str, rate: Rate, lease: _Lease) -> float:
        while True:
            await asyncio.shield(lease.renewal or self._renew(key, rate, lease))
            now = self._clock()
            if self._outages.is_away:
                return self._take_alone(lease, now)
            if lease.tokens and now < lease.expires_at:
                lease.tokens -= 1
                return 0.0
            if now < lease.refused_until:
                return lease.refused_until - now

    def _take_alone(self, lease: _Lease, now: float) -> float:
        delay = lease.bucket.delay(now, 1.0)
        if not delay:
            lease.bucket.take()
        return delay

    def _renew(self, key: str, rate: Rate, lease: _Lease) -> asyncio.Task[None]:
        lease.renewal = asyncio.create_task(self._call(key, rate, lease))
        return lease.renewal

    async def _call(self, key: str, rate: Rate, lease: _Lease) -> None:
        try:
            grant = await self._outages.call(
                lambda: self._shared.take_tokens(key, rate.rate, rate.burst, rate.lease)
            )
        finally:
            lease.renewal = None
        now = self._clock()
        if grant is None:
            return
        if now >= lease.expires_at:
            lease.tokens = 0
        lease.tokens += grant.tokens
        lease.expires_at = now + LEASE_TIME
        if not lease.tokens:
            lease.refused_until = now + grant.delay
