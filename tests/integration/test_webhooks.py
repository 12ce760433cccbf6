"""Webhooks on real servers: deliveries to a receiver that fails in every way."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from standardwebhooks import Webhook as Verifier

from domain.builtin.webhooks.commands import (
    DeleteWebhook,
    DropWebhookDelivery,
    PauseWebhook,
    ReplayWebhook,
    ResumeWebhook,
    RetryWebhook,
    RotateWebhookSecret,
    UpdateWebhook,
    WebhookMode,
)
from domain.kernel.errors import NotFound, ValidationFailed
from subscriptions.publishing.deliveries import WEBHOOK_DELIVERIES
from subscriptions.publishing.ports import WebhookKey
from tests.helpers.webhook_receiver import SILENCE, Answer, Delivery, WebhookReceiver, serving
from tests.helpers.webhook_rig import QUICK, WebhookRig, open_webhook_rig

GIVES_UP = QUICK.model_copy(update={"retry_for": timedelta(0)})
"""Settings by which the first failure makes a dead letter."""


async def append_notes(rig: WebhookRig, streams: int, versions: int) -> None:
    """Append so many events to each stream, in turn."""
    for _ in range(versions):
        await asyncio.gather(*(rig.append(f"note-{number}") for number in range(streams)))


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
        async with asyncio.timeout(30):
            while not (await rig.webhook(webhook)).is_paused:
                await asyncio.sleep(0.02)
        paused = (await rig.log.stream("default", webhook))[-1]
        assert paused.data == {"reason": "127.0.0.1 answered 410 Gone: it wants no more requests"}
        assert paused.commit.authentication == "webhook"
        async with asyncio.timeout(30):
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


async def test_the_pause_that_a_target_asks_for_is_kept(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """No request is sent before it ends, also of other streams; the clock of the test is not moved."""
    receiver = WebhookReceiver(lambda delivery: (429, {"retry-after": "3600"}))
    async with serving(receiver), open_webhook_rig(mongo_url, redis_url, database) as rig:
        webhook = await rig.create(receiver.url)
        await rig.append("note-0")
        await rig.until_status(webhook, lambda status: status.pending == 1)
        await rig.append("note-1")
        stored = await rig.database[WEBHOOK_DELIVERIES].find_one({"stream": "note-0"})
        assert stored is not None
        assert stored["due"] - stored["failed_at"] == QUICK.retry_for, "the time to give up ends before"
        await rig.until_status(webhook, lambda status: bool(status.attempts))
    assert len(receiver.refused) == 1


async def test_a_silent_target_is_given_up_after_the_timeout(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """And tried again under the same id."""
    answers = iter([SILENCE, 302, 200])
    receiver = WebhookReceiver(lambda delivery: next(answers))
    async with serving(receiver), open_webhook_rig(mongo_url, redis_url, database) as rig:
        webhook = await rig.create(receiver.url)
        await rig.append("note-0")
        await receiver.until(lambda: len(receiver.events) == 1)
        status = await rig.until_status(webhook, lambda status: len(status.attempts) == 3)
    assert [attempt.error for attempt in status.attempts] == [
        "127.0.0.1 did not respond within 0.3 s",
        "127.0.0.1 answered 302, and redirects are not followed",
        None,
    ]


async def test_both_secrets_sign_during_the_overlap(mongo_url: str, redis_url: str, database: str) -> None:
    """A receiver that has either of them accepts the request; afterwards only the new one does."""
    async with (
        serving(WebhookReceiver()) as receiver,
        open_webhook_rig(mongo_url, redis_url, database) as rig,
    ):
        webhook = await rig.create(receiver.url)
        rotated = await rig.send(RotateWebhookSecret(id=webhook, overlap=timedelta(hours=1)))
        await rig.append("note-0")
        await receiver.until(lambda: len(receiver.events) == 1)
        ended = await rig.send(RotateWebhookSecret(id=webhook, overlap=timedelta(0)))
        await rig.append("note-1")
        await receiver.until(lambda: len(receiver.events) == 2)
        key = WebhookKey("default", webhook)
        generations = (1, rotated.version, ended.version)
        first, second, third = [await rig.secrets.secret(key, each) for each in generations]
    both, last = receiver.accepted
    for secret in (first, second):
        Verifier(secret).verify(both.body, dict(both.headers))
    Verifier(third).verify(last.body, dict(last.headers))
    assert len(last.headers["webhook-signature"].split()) == 1


async def test_private_addresses_are_refused_unless_allowed(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """When a webhook is created, and again when a request is sent: a name may lead anywhere by then."""
    strict = QUICK.model_copy(update={"allow_private": False})
    async with open_webhook_rig(mongo_url, redis_url, database, settings=strict) as rig:
        for url, message in [
            ("http://shop.example/", "must begin with https://"),
            ("https://127.0.0.1/", "is a private address"),
            ("https://[::1]/", "is a private address"),
            ("https://localhost/", "is a private address"),
        ]:
            with pytest.raises(ValidationFailed, match=message):
                await rig.create(url)
        webhook = await rig.create("https://localhost.localdomain.invalid/")
        with pytest.raises(ValidationFailed, match="private"):
            await rig.send(UpdateWebhook(id=webhook, url="https://10.0.0.1/"))


async def test_a_deleted_webhook_leaves_nothing(mongo_url: str, redis_url: str, database: str) -> None:
    """Neither deliveries nor a checkpoint."""
    receiver = WebhookReceiver(lambda delivery: 500)
    async with serving(receiver), open_webhook_rig(mongo_url, redis_url, database) as rig:
        webhook = await rig.create(receiver.url)
        await rig.append("note-0")
        await rig.until_status(webhook, lambda status: status.pending == 1)
        await rig.worker.stop()
        await rig.send(DeleteWebhook(id=webhook))
        for name in ("webhook_deliveries", "webhook_attempts", "consumers"):
            assert await rig.database[name].count_documents({}) == 0, name


async def test_two_workers_share_webhooks(mongo_url: str, redis_url: str, database: str) -> None:
    """Each event is delivered once as long as both live."""
    async with (
        serving(WebhookReceiver()) as receiver,
        open_webhook_rig(mongo_url, redis_url, database) as rig,
        open_webhook_rig(mongo_url, redis_url, database),
    ):
        ids = [await rig.create(receiver.url, streams=(f"note-{number}",)) for number in range(4)]
        await append_notes(rig, streams=4, versions=3)
        await receiver.until(lambda: len(receiver.events) == 12)
        owners = set()
        async for consumer in rig.database["consumers"].find():
            owners.add(consumer["generations"]["1"]["partitions"]["0"]["owner"])
    assert len(owners) == 2
    assert len(ids) == 4
    assert receiver.doubles == 0
