"""Rates and places that several processes share through Redis, and what each does while Redis is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest

from api.limits import concurrency
from api.limits.concurrency import SharedPlaces
from api.limits.outages import Outages
from api.limits.rates import Rate, RateLimits
from api.limits.shared_counts import SharedCounts
from tests.helpers.redis_cluster import RedisCluster
from tests.helpers.servers import Servers

MOST = 20


class Process:
    """The limits of one process."""

    def __init__(self, url: str, database: str, *, cluster: bool = False) -> None:
        self.counts = SharedCounts(url, database, uuid4().hex, cluster=cluster)
        self.outages = Outages()
        self.rates = RateLimits(self.counts, self.outages)
        self.places = SharedPlaces(self.counts, self.outages)

    async def take_all(self, rate: Rate, attempts: int, key: str = "key") -> int:
        """Take as many tokens as there are; return how many there were."""
        return [await result(self.rates.take(key, rate)) for _ in range(attempts)].count(0.0)

    async def take_places(self, attempts: int) -> int:
        """Take as many places as there are; return how many there were."""
        return [await result(self.places.take("key", MOST)) for _ in range(attempts)].count(True)


async def result(outcome: Any) -> Any:
    return await outcome if isinstance(outcome, Awaitable) else outcome


@asynccontextmanager
async def processes(url: str, count: int, *, cluster: bool = False) -> AsyncIterator[list[Process]]:
    database = f"test_{uuid4().hex}"
    started = [Process(url, database, cluster=cluster) for _ in range(count)]
    try:
        yield started
    finally:
        for process in started:
            await process.rates.close()
            await process.counts.close()


async def test_processes_share_the_rate_of_a_key(redis_url: str) -> None:
    """Together they get the burst and what comes back meanwhile, whatever each of them leases."""
    async with processes(redis_url, 3) as started:
        rate, began = Rate(0.1, 60.0), monotonic()
        granted = await asyncio.gather(*(process.take_all(rate, 60) for process in started))
        delay = await result(started[0].rates.take("key", rate))
        # On a busy machine some tokens come back meanwhile.
        assert 60 <= sum(granted) <= 60 + 0.1 * (monotonic() - began) + 1
        assert 0 < delay <= 10


async def test_a_refusal_and_most_grants_ask_redis_nothing(redis_url: str) -> None:
    async with processes(redis_url, 1) as [process]:
        rate = Rate(1_000.0, 2_000.0)
        waited = 0
        for _ in range(1_000):
            outcome = process.rates.take("key", rate)
            waited += isinstance(outcome, Awaitable)
            assert await result(outcome) == 0.0
            await asyncio.sleep(0)
        assert waited <= 20
        slow = Rate(0.01, 1.0)
        assert await result(process.rates.take("slow", slow)) == 0.0
        assert await result(process.rates.take("slow", slow)) > 50
        assert isinstance(process.rates.take("slow", slow), float)


async def test_tokens_of_one_key_are_none_of_another(redis_url: str) -> None:
    async with processes(redis_url, 1) as [process]:
        for key in ("a", "b"):
            assert await result(process.rates.take(key, Rate(0.01, 1.0))) == 0.0


async def test_processes_share_the_places_of_a_key(redis_url: str) -> None:
    async with processes(redis_url, 2) as [first, second]:
        assert await first.take_places(12) == 12
        assert await second.take_places(12) == 8
        for _ in range(12):
            first.places.give_back("key")
        await first.places.renew()
        await asyncio.sleep(concurrency.REFUSED_FOR)
        assert await second.take_places(20) == 12


async def test_a_place_that_is_taken_while_others_are_given_back_is_counted(redis_url: str) -> None:
    """The renewal of an idle key ends just before the place that is waited for is taken."""

    class Renewing(SharedCounts):
        async def set_places(self, key: str, wanted: int, limit: int, lifetime: float) -> int:
            granted = await super().set_places(key, wanted, limit, lifetime)
            if not wanted:
                await is_grown.wait()
            is_grown.set()
            return granted

    is_grown = asyncio.Event()
    counts = Renewing(redis_url, f"test_{uuid4().hex}", uuid4().hex)
    places = SharedPlaces(counts, Outages())
    places.take("key", MOST)
    renewing = asyncio.create_task(places.renew())
    await asyncio.sleep(0)
    assert await result(places.take("key", MOST)) is True
    await renewing
    places.give_back("key")
    await places.close()
    await counts.close()


async def test_the_places_of_a_killed_process_come_back(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with processes(redis_url, 2) as [killed, other]:
        assert await killed.take_places(MOST) == MOST
        assert await other.take_places(1) == 0
        monkeypatch.setattr(concurrency, "LIFETIME", 0.3)
        await killed.places.renew()
        async with asyncio.timeout(60):
            while not await other.take_places(1):
                await asyncio.sleep(0.05)


async def test_each_process_counts_alone_while_redis_is_away_and_says_so(
    servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    redis = servers.redis()
    async with processes(redis.url, 2) as started:
        rate = Rate(0.01, 10.0)
        assert sum([await process.take_all(rate, 20) for process in started]) == 10
        redis.kill()
        granted = [await process.take_all(rate, 20, "other") for process in started]
        assert all(process.outages.is_away for process in started)
        assert [await process.take_places(30) for process in started] == [MOST, MOST]
        assert len([record for record in caplog.records if "by each process alone" in record.message]) == 2
        assert granted == [10, 10]


@pytest.mark.parametrize("nodes", [3])
async def test_a_cluster_shares_limits_too(tmp_path: Path, nodes: int) -> None:
    cluster = RedisCluster(tmp_path)
    cluster.start()
    try:
        async with processes(cluster.url, 2, cluster=True) as started:
            rate = Rate(0.01, 30.0)
            assert sum([await process.take_all(rate, 40) for process in started]) == 30
            assert await started[0].take_places(MOST) == MOST
            assert await started[1].take_places(1) == 0
    finally:
        for node in cluster.nodes:
            node.kill()
