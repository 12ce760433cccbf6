"""How many handshakes of sockets one address gets in a second.

A socket that its client closes again, before or after `connection_init`, leaves its place to the next one at
once. So places do not bound how often the process opens one, and opening one takes most of its time.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Self

from api.access.client_addresses import client_network
from api.limits.rate_settings import RateSettings
from api.limits.token_bucket import TokenBucket
from domain.kernel.limit_errors import RateLimited
from eventstore.lru import LruCache

BURST_SECONDS = 15.0
"""Seconds of handshakes that may come at once: the pages behind an address reconnect together.

More than these would occupy the process for half a second; the others connect again a little later.
"""

ADDRESSES = 10_000
"""Addresses whose handshakes are counted; the one that was used the longest time ago is forgotten."""


class HandshakeRate:
    """Accepts `rate` handshakes of one address in a second, and at most those of `BURST_SECONDS` at once.

    Each process counts for itself, as its event loop is what they occupy. `on_refused` is called with
    the name of this limit for each handshake that is refused.
    """

    def __init__(
        self,
        rate: float,
        on_refused: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._rate = rate
        self._on_refused = on_refused
        self._clock = clock
        self._buckets: LruCache[str, TokenBucket] = LruCache(ADDRESSES)

    @classmethod
    def of(cls, settings: RateSettings | None, on_refused: Callable[[str], None]) -> Self | None:
        """Return what the settings say; None where callers have no limits."""
        return None if settings is None else cls(settings.handshakes, on_refused)

    def take(self, address: str | None) -> None:
        """Count a handshake from this address. Raises RateLimited, and counts nothing, after too many."""
        if address is None:
            return
        network, now = client_network(address), self._clock()
        bucket = self._buckets.get(network)
        if bucket is None:
            bucket = TokenBucket(self._rate, max(1.0, self._rate * BURST_SECONDS), now)
            self._buckets.put(network, bucket)
        if delay := bucket.delay(now, 1.0):
            self._on_refused("handshakes")
            raise RateLimited(
                f"an address may open {self._rate:g} sockets a second; try again later", retry_after=delay
            )
        bucket.take()
