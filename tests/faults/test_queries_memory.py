"""The caches of queries stay within their bounds, in short; `make faults ONLY=queries.memory` does more."""

from __future__ import annotations

from pydantic import SecretStr

from api.result_cache_settings import ResultCacheSettings
from api.settings import Settings
from tests.faults.query_memory import QueryMemory, Size
from tests.helpers.drivers import chosen_driver


async def test_the_caches_stay_within_their_bounds(mongo_url: str, redis_url: str, database: str) -> None:
    """There are so many queries that results are evicted."""
    settings = Settings(
        mongo_url=SecretStr(mongo_url),
        redis_url=SecretStr(redis_url),
        mongo_driver=chosen_driver(),
        database=database,
        contexts=("projections.views.documents",),
        result_cache=ResultCacheSettings(max_bytes=200_000),
    )
    outcome = await QueryMemory(settings, Size(queries=300, every=100)).run()
    assert outcome.wrongs == []
    last = outcome.measured[300]
    assert 100_000 < last.result_bytes <= 200_000
    assert last.results < last.documents
