"""How often one client gets a refusal in a second.

A refusal takes little, and a client that sends its request again at once gets thousands of them in a second:
together they occupy the process and the network. So refusals beyond a rate are sent later, one after the
other, and a client for which too many wait is disconnected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Self

from api.limits.rate_settings import RateSettings
from api.limits.token_bucket import TokenBucket
from eventstore.lru import LruCache

LONGEST_DELAY = 1.0
"""Seconds that a refusal waits at most. Each that waits keeps a connection: it bounds their number too."""

CLIENTS = 10_000
"""Clients whose refusals are counted; the one that was used the longest time ago is forgotten."""


class RefusalPace:
    """Sends a client `rate` refusals a second, of which as many may be sent at once.

    Each process counts for itself, as its event loop is what they occupy.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: LruCache[str, TokenBucket] = LruCache(CLIENTS)

    @classmethod
    def of(cls, settings: RateSettings | None) -> Self | None:
        """Return what the settings say; None where callers have no limits."""
        return None if settings is None else cls(settings.refusals)

    def delay(self, client: str) -> float | None:
        """Count a refusal; return the seconds until it is sent, None if the client is to be disconnected."""
        now = self._clock()
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = TokenBucket(self._rate, self._rate, now)
            self._buckets.put(client, bucket)
        delay = bucket.delay(now, 1.0)
        if delay > LONGEST_DELAY:
            return None
        bucket.take()
        return delay

    async def wait(self, client: str) -> bool:
        """Count a refusal, and wait until it is sent; return False if the client is to be disconnected."""
        delay = self.delay(client)
        if delay:
            await asyncio.sleep(delay)
        return delay is not None
