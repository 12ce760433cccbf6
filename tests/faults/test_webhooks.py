"""Webhooks whose receiver fails, in short; `make faults ONLY=webhooks` has thousands of events."""

from __future__ import annotations

from datetime import timedelta

from api.lifecycle import open_runtime
from api.settings import Settings
from tests.faults.webhook_deliveries import FAILING, Size, WebhookDeliveries

SHORT = FAILING.model_copy(update={"longest_pause": 0.2, "retry_for": timedelta(seconds=20)})
"""On a busy machine no event may become a dead letter because all its requests fail by chance for so long."""
SIZE = Size(events=300, streams=30, restarts=2, kills=0, dead_letters=5)


async def test_all_events_arrive_in_order_at_a_receiver_that_fails(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Three of ten requests fail, one has no response; dead letters arrive by a replay."""
    settings = Settings(
        mongo_url=mongo_url,
        redis_url=redis_url,
        database=database,
        contexts=("domain.documents",),
        poll_interval=0.2,
        webhooks=SHORT,
    )
    async with open_runtime(settings, worker=True):
        outcome = await WebhookDeliveries(settings, SIZE).run()
    assert not outcome.wrongs, outcome.wrongs[:20]
    assert (outcome.events, outcome.restarts) == (300, 2)
    assert outcome.dead_letters == outcome.replayed == 5
