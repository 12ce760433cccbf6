"""Webhooks on real servers: deliveries to a receiver that fails in every way."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from standardwebhooks import Webhook as Verifier

from domain.builtin.webhooks.commands import (
    DropWebhookDelivery,
    PauseWebhook,
    ReplayWebhook,
    ResumeWebhook,
    RetryWebhook,
    UpdateWebhook,
    WebhookMode,
)
from domain.kernel.errors import NotFound
from subscriptions.publishing.deliveries import count_webhook_dead_letters
from subscriptions.publishing.ports import WebhookKey
from tests.helpers.webhook_receiver import Answer, Delivery, WebhookReceiver, serving
from tests.helpers.webhook_rig import QUICK, append_notes, open_webhook_rig

GIVES_UP = QUICK.model_copy(update={"retry_for": timedelta(0)})
"""Settings by which the first failure makes a dead letter."""


async def test_events_arrive_signed_and_in_the_order_of_their_streams(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Only those that match the filter, of the webhook's tenant, and after its creation."""
    async with (
        serving(WebhookReceiver()) as receiver,
        open_webhook_rig(mongo_url, redis_url, database) as rig,
    ):
        await rig.append("note-0")
        webhook = await rig.create(receiver.url, types=("note.scored",), mode=WebhookMode.BINARY)
        await rig.append("note-0", tenant="other")
        await append_notes(rig, streams=10, versions=5)
        await receiver.until(lambda: len(receiver.events) >= 50)
        secret = await rig.secrets.secret(WebhookKey("default", webhook), 1)
        for delivery in receiver.accepted:
            Verifier(secret).verify(delivery.body, dict(delivery.headers))
            assert delivery.id == delivery.events[0]["id"]
        status = await rig.until_status(webhook, lambda status: status.delivered == 50)
        assert (status.failed, status.lag, status.attempts[-1].status) == (0, 0, 200)
    expected = {f"note-{number}": [1, 2, 3, 4, 5] for number in range(1, 10)} | {"note-0": [2, 3, 4, 5, 6]}
    assert receiver.first_versions == expected
    assert {event["tenant"] for event in receiver.events} == {"default"}


async def test_a_stream_waits_behind_its_failing_event_and_others_go_on(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Also over a restart: the events arrive in order once the receiver accepts the first one."""
    is_broken = True

    def answer(delivery: Delivery) -> Answer:
        return 500 if is_broken and delivery.events[0]["subject"] == "note-0" else 200

    receiver = WebhookReceiver(answer)
    async with serving(receiver), open_webhook_rig(mongo_url, redis_url, database) as rig:
        webhook = await rig.create(receiver.url)
        await append_notes(rig, streams=3, versions=4)
        await receiver.until(lambda: len(receiver.events) == 8)
        status = await rig.until_status(webhook, lambda status: status.pending == 1)
        assert status.dead_letters == 0
        assert status.lag > 0
        await rig.until_saved()
        await rig.restart()
        await rig.append("note-0")
        await rig.append("note-1")
        await receiver.until(lambda: len(receiver.events) == 9)
        is_broken = False
        await receiver.until(lambda: len(receiver.events) == 14)
        await rig.until_status(webhook, lambda status: status.pending == 0)
    assert receiver.first_versions["note-0"] == [1, 2, 3, 4, 5]
    assert receiver.doubles == 0
    ids = Counter(delivery.id for delivery in receiver.refused)
    assert len(ids) == 1, "each attempt has the same id"


async def test_batches_have_several_streams_and_a_bad_event_is_found_alone(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """The others of the failed batch are accepted."""

    def answer(delivery: Delivery) -> Answer:
        return 400 if any(event["subject"] == "note-3" for event in delivery.events) else 200

    receiver = WebhookReceiver(answer)
    async with serving(receiver), open_webhook_rig(mongo_url, redis_url, database) as rig:
        webhook = await rig.create(receiver.url, batch_size=10)
        await rig.send(PauseWebhook(id=webhook, reason="to collect events"))
        await append_notes(rig, streams=6, versions=2)
        await rig.send(ResumeWebhook(id=webhook))
        await receiver.until(lambda: len(receiver.events) == 10)
        status = await rig.until_status(
            webhook, lambda status: status.pending == 1 and status.delivered == 10
        )
        assert status.attempts[0].events > 1
    assert all(versions == [1, 2] for versions in receiver.first_versions.values())
    assert "note-3" not in receiver.first_versions


async def test_a_paused_webhook_loses_nothing(mongo_url: str, redis_url: str, database: str) -> None:
    """It sends nothing meanwhile, and the changed URL gets what waited."""
    async with (
        serving(WebhookReceiver()) as first,
        serving(WebhookReceiver()) as second,
        open_webhook_rig(mongo_url, redis_url, database) as rig,
    ):
        webhook = await rig.create(first.url)
        await rig.append("note-0")
        await first.until(lambda: len(first.events) == 1)
        await rig.until_saved()
        await rig.send(PauseWebhook(id=webhook, reason="maintenance"))
        await rig.append("note-0")
        await rig.restart()
        await rig.send(UpdateWebhook(id=webhook, url=second.url))
        await rig.append("note-0")
        await rig.until_status(webhook, lambda status: status.lag > 0)
        assert len(first.events) + len(second.events) == 1
        await rig.send(ResumeWebhook(id=webhook))
        await second.until(lambda: len(second.events) == 2)
    assert second.first_versions == {"note-0": [2, 3]}


async def test_a_target_that_is_gone_pauses_the_webhook(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """The event is delivered after the webhook is resumed."""
    status = 410
    receiver = WebhookReceiver(lambda delivery: status)
    async with serving(receiver), open_webhook_rig(mongo_url, redis_url, database) as rig:
        webhook = await rig.create(receiver.url)
        await rig.append("note-0")
        async with asyncio.timeout(60):
            while not (await rig.webhook(webhook)).is_paused:
                await asyncio.sleep(0.02)
        paused = (await rig.log.stream("default", webhook))[-1]
        assert paused.data == {"reason": "127.0.0.1 answered 410 Gone: it wants no more requests"}
        assert paused.commit.authentication == "webhook"
        async with asyncio.timeout(60):
            while not (raised := await rig.log.stream("default", f"alert-webhook:{webhook}")):
                await asyncio.sleep(0.02)
        assert raised[0].data["message"] == f"{webhook} is paused: {paused.data['reason']}"
        status = 200
        await rig.restart()
        await rig.send(ResumeWebhook(id=webhook))
        await receiver.until(lambda: len(receiver.events) == 1)
        assert len(receiver.refused) == 1


async def test_dead_letters_are_retried_and_dropped(mongo_url: str, redis_url: str, database: str) -> None:
    """The events behind them follow in order; only a dead letter is dropped."""
    is_broken = True
    receiver = WebhookReceiver(lambda delivery: 503 if is_broken else 200)
    async with (
        serving(receiver),
        open_webhook_rig(mongo_url, redis_url, database, settings=GIVES_UP) as rig,
    ):
        webhook = await rig.create(receiver.url)
        await append_notes(rig, streams=3, versions=2)
        await rig.until_status(webhook, lambda status: status.dead_letters == 3)
        letters, key = rig.status_reader.dead_letters, WebhookKey("default", webhook)
        assert await count_webhook_dead_letters(rig.database) == [("default", webhook, 3)]
        letter, second, last = await letters.page(key, 10)
        assert await letters.page(key, 2, after=letter.stream) == [second, last]
        assert await letters.page(key, 2, backward=True) == [second, last]
        assert await letters.page(key, 2, before=last.stream, backward=True) == [letter, second]
        assert (letter.stream, letter.version, letter.status) == ("note-0", 1, 503)
        assert letter.error == "127.0.0.1 answered 503"
        is_broken = False
        with pytest.raises(NotFound, match="is no dead letter"):
            await rig.send(DropWebhookDelivery(id=webhook, stream="note-0", version=2))
        await rig.send(DropWebhookDelivery(id=webhook, stream="note-0", version=1))
        await receiver.until(lambda: receiver.first_versions == {"note-0": [2]})
        await rig.send(RetryWebhook(id=webhook, stream="note-1"))
        await receiver.until(lambda: receiver.first_versions.get("note-1") == [1, 2])
        assert "note-2" not in receiver.first_versions
        await rig.send(RetryWebhook(id=webhook))
        await receiver.until(lambda: receiver.first_versions.get("note-2") == [1, 2])
        await rig.until_status(webhook, lambda status: status.dead_letters + status.pending == 0)


async def test_a_replay_delivers_again_what_is_behind_a_point(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Dead letters before the point stay, those behind it are delivered."""
    broken: set[tuple[str, int]] = {("note-0", 1), ("note-1", 2)}

    def answer(delivery: Delivery) -> Answer:
        [event] = delivery.events
        return 500 if (event["subject"], event["streamversion"]) in broken else 200

    receiver = WebhookReceiver(answer)
    async with (
        serving(receiver),
        open_webhook_rig(mongo_url, redis_url, database, settings=GIVES_UP) as rig,
    ):
        webhook = await rig.create(receiver.url)
        for stream in ("note-0", "note-1", "note-2", "note-1", "note-2"):
            await rig.append(stream)
        await rig.until_status(webhook, lambda status: status.dead_letters == 2)
        await rig.until_saved()
        with pytest.raises(NotFound, match="no event 'evt-0'"):
            await rig.send(ReplayWebhook(id=webhook, after_event="evt-0"))
        (first, _) = await rig.log.stream("default", "note-2")
        receiver.accepted.clear()
        broken.clear()
        await rig.send(ReplayWebhook(id=webhook, after_event=first.id))
        await receiver.until(lambda: receiver.first_versions == {"note-1": [2], "note-2": [2]})
        assert (await rig.until_status(webhook, lambda status: status.dead_letters == 1)).position is not None
        await rig.send(ReplayWebhook(id=webhook))
        await receiver.until(lambda: len(receiver.first_versions) == 3)
        assert receiver.first_versions["note-0"] == [1]
