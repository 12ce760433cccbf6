"""The cache of results stays within its bounds, whatever clients send."""

from __future__ import annotations

from typing import Any, cast

from api.graphql.execution.result_cache import (
    ENTRY_BYTES,
    REMEMBERED_QUERIES,
    CachedResult,
    ResultCache,
    ResultKey,
)
from projections.querying.view_states import ViewState

SCHEMA = cast(Any, object())
STATES = (ViewState(1, 7),)


def key(number: int, tenant: str = "default") -> ResultKey:
    return ResultKey(SCHEMA, tenant, number.to_bytes(32))


def result(number: int, size: int) -> CachedResult:
    return CachedResult(key(number), ["memos"], b"x" * size, STATES, 0.0)


def test_results_of_many_different_queries_stay_within_the_bound() -> None:
    """Each of 100,000 queries is sent twice, and its result is cached."""
    cache = ResultCache(1_000_000)
    for number in range(100_000):
        assert not cache.is_repeated(key(number))
        assert cache.is_repeated(key(number))
        cache.keep(result(number, 1_000))
        assert cache.bytes <= 1_000_000
    remembered = vars(cache)["_remembered"]
    assert remembered.weight == REMEMBERED_QUERIES
    cached = [number for number in range(100_000) if cache.find(key(number)) is not None]
    assert cached == list(range(100_000 - 1_000_000 // (1_000 + ENTRY_BYTES), 100_000))


def test_the_least_recently_used_result_is_evicted() -> None:
    cache = ResultCache(10 * (5_000 + ENTRY_BYTES))
    for number in range(10):
        cache.keep(result(number, 5_000))
    assert cache.find(key(0)) is not None
    cache.keep(result(10, 5_000))
    assert [number for number in range(11) if cache.find(key(number)) is None] == [1]


def test_a_result_that_takes_a_large_part_of_the_cache_is_not_cached() -> None:
    """One client with a large result would evict those of all others."""
    cache = ResultCache(80_000)
    cache.keep(result(1, 5_000))
    cache.keep(result(2, 10_001 - ENTRY_BYTES))
    assert cache.find(key(2)) is None
    cache.keep(result(2, 10_000 - ENTRY_BYTES))
    assert cache.find(key(1)) is not None
    assert cache.find(key(2)) is not None


def test_a_newer_result_replaces_the_one_before() -> None:
    cache = ResultCache(1_000_000)
    for size in (100, 300, 200):
        cache.keep(result(1, size))
    assert cache.bytes == 200 + ENTRY_BYTES


def test_tenants_have_results_of_their_own() -> None:
    cache = ResultCache(1_000_000)
    cache.keep(result(1, 1))
    assert cache.find(key(1, "other")) is None
    assert not cache.is_repeated(key(1, "other"))


def test_a_confirmation_never_goes_back() -> None:
    """Of two checks, the one that began first may end last."""
    cached = result(1, 1)
    cached.confirm(2.0)
    cached.confirm(1.0)
    assert cached.confirmed_at == 2.0
