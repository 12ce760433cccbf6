"""I4: every reader, at any time, reads the same feed without a hole; here with 8,000 events."""

from __future__ import annotations

from tests.faults.million import Run

EVENTS = 8_000
GROWTH = 2.0
"""In a run as short as this a process is hardly warm when it ends."""


async def test_i4_all_readers_of_four_writers_see_one_feed(mongo_url, redis_url, database):
    outcome = await Run(mongo_url, redis_url, database, EVENTS).play()
    assert not outcome.problems(GROWTH)
    assert len({reader.progress.digest for reader in outcome.readers}) == 1
