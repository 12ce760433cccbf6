"""The metrics of the cache of results, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge


class Miss(StrEnum):
    """Why the result of a query did not come from the cache.

    OTHER: it reads more than rows of views as they are now. FIRST: it was not executed before, or not lately.
    ABSENT: no result of it is cached, such as after an error. CHANGED: rows that it reads may have changed
    since. UNCHECKED: MongoDB did not answer whether they have.
    """

    OTHER = "other"
    FIRST = "first"
    ABSENT = "absent"
    CHANGED = "changed"
    UNCHECKED = "unchecked"


class ResultCacheMetrics:
    """Counts the queries over HTTP that were served from the cache, and those that were not."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._hits = Counter(
            "nerve_result_cache_hits",
            "Queries whose result was served from the cache.",
            registry=registry,
        )
        misses = Counter(
            "nerve_result_cache_misses",
            "Queries whose result did not come from the cache, by the reason.",
            ["reason"],
            registry=registry,
        )
        self._misses = {reason: misses.labels(reason.value) for reason in Miss}
        self._bytes = Gauge(
            "nerve_result_cache_bytes", "Bytes that the cached results take.", registry=registry
        )

    def hit(self) -> None:
        """Count a query whose result was served from the cache."""
        self._hits.inc()

    def miss(self, reason: Miss) -> None:
        """Count a query whose result did not come from the cache."""
        self._misses[reason].inc()

    def measure(self, size: Callable[[], int]) -> None:
        """Report the result of `size` as the bytes of the cached results."""
        self._bytes.set_function(size)
