"""I6: subscriptions that are told nothing ask nothing of MongoDB; `live.idle` of ``make faults`` has many."""

from __future__ import annotations

from typing import Any

from api.lifecycle import open_runtime
from api.settings import Settings
from tests.faults.live.idle import APP, asked, query, silence
from tests.faults.live.listeners import open_crowded_socket
from tests.helpers.served_api import serve

POLL_INTERVAL = 2.0
"""Seconds after which the server asks, unless it heard a beat: a busy machine may delay one for a second."""


async def test_i6_idle_subscriptions_ask_nothing_of_mongodb(
    mongo_url: str, redis_url: str, database: str
) -> None:
    options: dict[str, Any] = {"redis_url": redis_url, "database": database}
    worker = Settings(mongo_url=mongo_url, poll_interval=POLL_INTERVAL / 10, **options)
    served = {"mongo_url": f"{mongo_url}&appName={APP}", "poll_interval": POLL_INTERVAL, **options}
    async with open_runtime(worker, worker=True):
        with serve(worker=False, **served) as api:
            sockets = [
                await open_crowded_socket(
                    f"ws://127.0.0.1:{api.port}/graphql", [query(number) for number in numbers]
                )
                for numbers in (range(4), range(4, 8))
            ]
            while await silence(redis_url, database, POLL_INTERVAL) >= POLL_INTERVAL:
                """The first beat that it hears makes it look once."""
            longest, queries = POLL_INTERVAL, None
            while longest >= POLL_INTERVAL:
                # On a machine that stood still meanwhile it looked with good reason.
                with asked(mongo_url, database) as received:
                    longest = await silence(redis_url, database, 2 * POLL_INTERVAL)
                    queries = received()
            for one in sockets:
                one.transport.abort()
    assert queries == []
