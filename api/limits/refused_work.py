"""How long a process may be occupied by operations of one client that it refuses.

To refuse a large document takes milliseconds, in which other clients wait. A rate of operations does not
help: it allows many documents that take nothing. So the time that refused operations took is a debt of their
client. Until it is paid back, the client may send short documents that are known to be valid, and nothing
whose refusal would take long again.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Self

from api.access.callers import Caller
from api.access.client_addresses import client_network
from api.limits.rate_settings import RateSettings
from api.limits.token_bucket import TokenBucket
from domain.kernel.limit_errors import RateLimited
from eventstore.lru import LruCache

QUICK = 0.001
"""Seconds of a refusal that is not counted."""

LONGEST_EXECUTION = 0.02
"""Seconds of an execution with a refused result that are counted."""

LARGE_BODY = 16_384
"""Bytes of a body that is not read for a client with a debt: to read the JSON of 1 MB takes 10 ms."""

SHORT_DOCUMENT = 500
"""The weight of a known document that is run for a client with a debt: 400 tokens."""

CLIENTS = 10_000
"""Clients whose debts are known; the one that was used the longest time ago is forgotten."""


def client_of(caller: Caller, address: str | None) -> str:
    """Return the client that a request counts for: its caller, or without credentials its address."""
    if caller.subject is not None:
        return f"{caller.own_tenant} {caller.subject}"
    return "" if address is None else client_network(address)


def is_large_body(size: int | None) -> bool:
    """Return whether it takes long to read a body of so many bytes; None where that is not known."""
    return size is None or size > LARGE_BODY


def is_large_document(weight: int | None) -> bool:
    """Return whether it may take long to refuse a document of this weight; None for an unknown one."""
    return weight is None or weight > SHORT_DOCUMENT


class RefusedWork:
    """The debts of clients. A client gets `share` seconds in each second, and at most `burst` at once.

    Each process counts for itself, because it is the time of its event loop. `on_refused` is called with the
    name of this limit for each request that is refused because of a debt.
    """

    def __init__(
        self,
        share: float,
        burst: float,
        on_refused: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._share = share
        self._burst = burst
        self._on_refused = on_refused
        self._clock = clock
        self._buckets: LruCache[str, TokenBucket] = LruCache(CLIENTS)

    @classmethod
    def of(cls, settings: RateSettings | None, on_refused: Callable[[str], None]) -> Self | None:
        """Return what the settings say; None where callers have no limits."""
        if settings is None:
            return None
        return cls(settings.refused_share, settings.refused_burst, on_refused)

    def note(self, client: str, seconds: float) -> None:
        """Note that a request of the client was refused, and for how long it occupied the process."""
        if seconds < QUICK:
            return
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = TokenBucket(self._share, self._burst, self._clock())
            self._buckets.put(client, bucket)
        bucket.refill(self._clock())
        bucket.take(seconds)

    def note_execution(self, client: str, seconds: float) -> None:
        """Note that a result was refused when it was written, `seconds` after its execution began.

        The execution waited for MongoDB too; so no more than `LONGEST_EXECUTION` is counted.
        """
        self.note(client, min(seconds, LONGEST_EXECUTION))

    def check(self, client: str) -> None:
        """Raise RateLimited where the client has a debt."""
        bucket = self._buckets.get(client)
        delay = 0.0 if bucket is None else bucket.delay(self._clock())
        if delay:
            self._on_refused("refused_work")
            raise RateLimited(
                "requests of this client that were refused took too much time; correct them, and send only "
                "short documents that are known to be valid until retryAfter has passed",
                retry_after=delay,
            )
