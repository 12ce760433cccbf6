"""The histogram of sizes counts as that of prometheus-client does."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from api.size_histogram import SizeHistogram

BOUNDS = (64, 256, 1024)
SIZES = [0, 63, 64, 65, 256, 1024, 1025, 10**9]


def lines(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


def test_buckets_count_and_sum_are_those_of_prometheus_client():
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    expected = Histogram("event_size_bytes", "Sizes.", buckets=BOUNDS, registry=theirs)
    sizes = SizeHistogram("event_size_bytes", "Sizes.", BOUNDS)
    ours.register(sizes)
    assert lines(ours) == lines(theirs)
    for size in SIZES:
        expected.observe(size)
    sizes.observe(SIZES[:3])
    sizes.observe(SIZES[3:])
    assert lines(ours) == lines(theirs)
