"""Targets of webhooks: slow, silent, private, and what becomes of a webhook that is rotated or deleted."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from standardwebhooks import Webhook as Verifier

from domain.builtin.webhooks.commands import (
    DeleteWebhook,
    RotateWebhookSecret,
    UpdateWebhook,
)
from domain.kernel.errors import ValidationFailed
from subscriptions.publishing.deliveries import WEBHOOK_DELIVERIES
from subscriptions.publishing.ports import WebhookKey
from tests.helpers.webhook_receiver import SILENCE, Answer, Delivery, WebhookReceiver, serving
from tests.helpers.webhook_rig import QUICK, WebhookRig, open_webhook_rig

GIVES_UP = QUICK.model_copy(update={"retry_for": timedelta(0)})
"""Settings by which the first failure makes a dead letter."""


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
    settings = QUICK.model_copy(update={"timeout": 2.0})
    async with serving(receiver), open_webhook_rig(mongo_url, redis_url, database, settings=settings) as rig:
        webhook = await rig.create(receiver.url)
        await rig.append("note-0")
        await receiver.until(lambda: len(receiver.events) == 1)
        status = await rig.until_status(webhook, lambda status: len(status.attempts) == 3)
    assert [attempt.error for attempt in status.attempts] == [
        "127.0.0.1 did not respond within 2 s",
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


async def test_a_worker_that_stops_lets_a_request_end(mongo_url: str, redis_url: str, database: str) -> None:
    """Its outcome is saved, so the next worker does not send the event again."""
    async with (
        serving(WebhookReceiver()) as receiver,
        open_webhook_rig(mongo_url, redis_url, database) as rig,
    ):
        await rig.create(receiver.url)
        receiver.may_answer.clear()
        await rig.append("note-0")
        await receiver.until(lambda: receiver.requests == 1)
        await _stop_during_a_request(rig, receiver)
    assert receiver.first_versions == {"note-0": [1, 2]}
    assert receiver.doubles == 0


async def test_a_worker_that_stops_lets_a_retry_end(mongo_url: str, redis_url: str, database: str) -> None:
    """Also if there is nothing else to save: the next worker does not send the event again."""
    statuses = iter([500])

    def answer(delivery: Delivery) -> Answer:
        status = next(statuses, 200)
        if status == 500:
            receiver.may_answer.clear()
        return status

    receiver = WebhookReceiver(answer)
    async with serving(receiver), open_webhook_rig(mongo_url, redis_url, database) as rig:
        await rig.create(receiver.url)
        await rig.append("note-0")
        await receiver.until(lambda: receiver.requests == 2)
        await rig.until_saved()
        await _stop_during_a_request(rig, receiver)
    assert receiver.first_versions == {"note-0": [1, 2]}
    assert receiver.doubles == 0


async def _stop_during_a_request(rig: WebhookRig, receiver: WebhookReceiver) -> None:
    """Stop the worker before the receiver answers; then let another worker send the next event."""
    stopping = asyncio.create_task(rig.worker.stop())
    await asyncio.wait([stopping], timeout=0.1)
    receiver.may_answer.set()
    await stopping
    await rig.restart()
    await rig.append("note-0")
    await receiver.until(lambda: len(receiver.events) == 2)
