"""Webhooks that move to another worker, or whose deliveries are interrupted: nothing is sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from domain.builtin.webhooks.commands import DeleteWebhook
from domain.kernel import RecordedEvent
from domain.kernel.errors import Unavailable
from eventstore.mongo.driver import Document
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.publishing.ports import WebhookKey
from subscriptions.publishing.webhook_publisher import WebhookPublisher
from subscriptions.publishing.webhook_registry import RegisteredWebhook, WebhookRegistry
from subscriptions.publishing.webhook_runs import run_of
from tests.helpers.webhook_receiver import WebhookReceiver, serving
from tests.helpers.webhook_rig import PATIENCE, QUICK, WebhookRig, append_notes, open_webhook_rig

LONG = 60.0
"""Seconds of a lease that does not end while a test runs."""


async def until_leases(rig: WebhookRig, condition: Callable[[Sequence[Document]], bool]) -> None:
    """Wait until a condition holds for the leases of all webhooks."""
    async with asyncio.timeout(PATIENCE):
        while True:
            consumers = await rig.database["consumers"].find().to_list(None)
            leases = [
                each["generations"]["1"]["partitions"]["0"] for each in consumers if each["generations"]
            ]
            if condition(leases):
                return
            await asyncio.sleep(0.02)


async def until_shared(rig: WebhookRig, webhooks: int, workers: int) -> None:
    """Wait until so many workers have the leases of the webhooks."""

    def are_shared(leases: Sequence[Document]) -> bool:
        owners = [lease["owner"] for lease in leases if lease.get("owner")]
        return (len(owners), len(set(owners))) == (webhooks, workers)

    await until_leases(rig, are_shared)


async def test_two_workers_share_webhooks(mongo_url: str, redis_url: str, database: str) -> None:
    """Each event is delivered once as long as both live and keep their leases."""
    async with (
        serving(WebhookReceiver()) as receiver,
        open_webhook_rig(mongo_url, redis_url, database, lease_time=LONG) as rig,
        open_webhook_rig(mongo_url, redis_url, database, lease_time=LONG),
    ):
        ids = [await rig.create(receiver.url, streams=(f"note-{number}",)) for number in range(4)]
        await append_notes(rig, streams=4, versions=3)
        await until_shared(rig, webhooks=len(ids), workers=2)
        await receiver.until(lambda: len(receiver.events) >= 12)
        # A worker that stops before it has the response sends the event again.
        await rig.until_saved()
    assert receiver.doubles == 0


async def test_a_webhook_moves_when_its_requests_have_ended(
    mongo_url: str, redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though a worker that stops would not wait so long for them, and for the save of what they did."""
    monkeypatch.setattr("subscriptions.publishing.webhook_publisher.LAST_REQUESTS", 0.0)
    monkeypatch.setattr("subscriptions.consumers.consumer.LEAVE_TIMEOUT", 0.0)
    parts = (mongo_url, redis_url, database)
    async with serving(WebhookReceiver()) as receiver, open_webhook_rig(*parts, lease_time=LONG) as rig:
        for number in range(2):
            await rig.create(receiver.url, streams=(f"note-{number}",))
        receiver.may_answer.clear()
        await append_notes(rig, streams=2, versions=2)
        await receiver.until(lambda: receiver.requests == 2)
        async with open_webhook_rig(*parts, lease_time=LONG):
            await until_leases(rig, lambda leases: any("successor" in lease for lease in leases))
            await rig.until_looked()
            assert receiver.requests == 2, "the webhook has not moved yet"
            receiver.may_answer.set()
            await until_shared(rig, webhooks=2, workers=2)
            await receiver.until(lambda: len(receiver.events) >= 4)
            await rig.until_saved()
    assert receiver.first_versions == {"note-0": [1, 2], "note-1": [1, 2]}
    assert receiver.doubles == 0


async def test_a_webhook_moves_though_a_request_does_not_end(
    mongo_url: str, redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or its outcome cannot be stored; the next worker sends it again."""
    for limit in ("LAST_REQUESTS", "LONGEST_DRAIN"):
        monkeypatch.setattr(f"subscriptions.publishing.webhook_publisher.{limit}", 0.0)
    patient = QUICK.model_copy(update={"timeout": 10 * PATIENCE})
    start = partial(open_webhook_rig, mongo_url, redis_url, database, settings=patient, lease_time=LONG)
    async with serving(WebhookReceiver()) as receiver, start() as rig:
        for number in range(2):
            await rig.create(receiver.url, streams=(f"note-{number}",))
        receiver.may_answer.clear()
        await append_notes(rig, streams=2, versions=1)
        await receiver.until(lambda: receiver.requests == 2)
        async with start():
            await until_shared(rig, webhooks=2, workers=2)
            receiver.may_answer.set()
            await rig.until_saved()
    assert receiver.first_versions == {"note-0": [1], "note-1": [1]}


async def test_a_publisher_that_leaves_does_not_begin_to_send_again(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Its consumer begins again if the last save before the move has failed."""
    async with (
        serving(WebhookReceiver()) as receiver,
        open_webhook_rig(mongo_url, redis_url, database) as rig,
    ):
        webhook = await rig.create(receiver.url)
        await rig.worker.stop()
        registered = RegisteredWebhook(await rig.webhook(webhook), version=1, created_at=0)
        run = run_of(WebhookKey("default", webhook), registered.webhook)
        publisher = WebhookPublisher(run, lambda: registered, rig.parts)
        await publisher.drain()
        await rig.append("note-0")
        commits, _ = await rig.log.commits_of(["note"])
        await publisher.begin(Checkpoint(1, 0))
        await publisher.handle(commits)
        # The publisher looks at its events while MongoDB answers.
        await rig.log.head()
        assert await publisher.settle(commits[-1].position, is_last=True) < commits[-1].position
        await publisher.end()
    assert receiver.requests == 0


async def test_a_retry_that_is_interrupted_goes_on_where_it_was(
    mongo_url: str, redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was accepted is not sent again when the events behind it cannot be read for a moment."""
    monkeypatch.setattr("subscriptions.publishing.webhook_publisher.PAGE", 1)
    monkeypatch.setattr("subscriptions.publishing.webhook_publisher.LOOK_INTERVAL", 0.05)
    is_broken, is_down = True, True
    receiver = WebhookReceiver(lambda delivery: 500 if is_broken else 200)
    async with serving(receiver), open_webhook_rig(mongo_url, redis_url, database) as rig:
        webhook = await rig.create(receiver.url)
        await append_notes(rig, streams=1, versions=3)
        await rig.until_status(webhook, lambda status: status.pending == 1)
        read = rig.log.stream

        async def read_once_down(
            tenant: str, stream: str, after_version: int = 0, limit: int | None = None
        ) -> list[RecordedEvent]:
            nonlocal is_down
            if is_down and (stream, after_version) == ("note-0", 1):
                is_down = False
                raise Unavailable("the log cannot be read")
            return await read(tenant, stream, after_version, limit)

        monkeypatch.setattr(rig.log, "stream", read_once_down)
        is_broken = False
        await receiver.until(lambda: receiver.first_versions == {"note-0": [1, 2, 3]})
        await rig.until_status(webhook, lambda status: status.pending == 0)
    assert not is_down
    assert receiver.doubles == 0


async def test_a_worker_that_has_not_seen_the_end_of_a_webhook_does_not_begin_it_again(
    mongo_url: str, redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checkpoint is gone, so all of its events would be sent again."""
    parts = (mongo_url, redis_url, database)
    async with serving(WebhookReceiver()) as receiver, open_webhook_rig(*parts) as rig:
        webhook = await rig.create(receiver.url)
        await rig.append("note-0")
        await receiver.until(lambda: len(receiver.events) == 1)
        await rig.until_saved()
        monkeypatch.setattr(WebhookRegistry, "_apply", lambda registry, commits: None)
        await rig.send(DeleteWebhook(id=webhook))
        await rig.until_looked()
        assert await rig.database["consumers"].count_documents({}) == 0
    assert receiver.doubles == 0
