"""A histogram of sizes that are observed many at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import INF, floatToGoString


class SizeHistogram(Collector):
    """Counts sizes by bucket, each with its upper bound, for Prometheus.

    A commit may have hundreds of events: prometheus-client's own histogram takes a lock and searches all
    buckets for each. This one belongs to one event loop.
    """

    def __init__(self, name: str, text: str, bounds: Sequence[int]) -> None:
        self._name = name
        self._text = text
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0

    def observe(self, sizes: Iterable[int]) -> None:
        """Count some sizes."""
        bounds, counts = self._bounds, self._counts
        for size in sizes:
            counts[bisect_left(bounds, size)] += 1
            self._sum += size

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Yield the buckets as Prometheus has them: each with all smaller sizes."""
        bounds = map(floatToGoString, (*self._bounds, INF))
        buckets = list(zip(bounds, accumulate(self._counts), strict=True))
        yield HistogramMetricFamily(self._name, self._text, buckets=buckets, sum_value=self._sum)
