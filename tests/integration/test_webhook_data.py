"""What webhooks never send: erased personal data, and what another log has recorded."""

from __future__ import annotations

import asyncio

from domain.builtin import subjects
from domain.builtin.subjects.commands import EraseSubject
from domain.builtin.webhooks.commands import PauseWebhook, ResumeWebhook, WebhookMode
from domain.builtin.webhooks.events import WebhookCreated
from eventstore.personal.sealing import MasterKeys
from tests.helpers import people
from tests.helpers.commits import commit
from tests.helpers.people import PersonRegistered
from tests.helpers.webhook_receiver import WebhookReceiver, serving
from tests.helpers.webhook_rig import open_webhook_rig

MASTERS = MasterKeys(b"m" * 32)


async def test_personal_data_that_was_erased_while_it_waited_is_not_sent(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """The event was in the memory of the worker when the person was erased."""
    contexts = (people.context, subjects.context)
    receiver = WebhookReceiver()
    async with (
        serving(receiver),
        open_webhook_rig(mongo_url, redis_url, database, contexts=contexts, masters=MASTERS) as rig,
    ):
        webhook = await rig.create(receiver.url, personal=True, categories=("person",))
        await rig.append("person-1", PersonRegistered(city="Oslo", name="Ada"))
        await receiver.until(lambda: len(receiver.events) == 1)
        await rig.send(PauseWebhook(id=webhook, reason="maintenance"))
        await rig.append("person-2", PersonRegistered(city="Bern", name="Bob"))
        await rig.until_status(webhook, lambda status: status.lag > 0)
        await rig.send(EraseSubject(subject="person-2"))
        await rig.send(ResumeWebhook(id=webhook))
        await receiver.until(lambda: len(receiver.events) == 2)
    assert [event["data"] for event in receiver.events] == [
        {"city": "Oslo", "name": "Ada"},
        {"city": "Bern"},
    ]


async def test_an_imported_webhook_sends_nothing_until_it_is_resumed_here(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """A copy of a log would send its events to the targets of the original."""
    receiver = WebhookReceiver()
    async with serving(receiver), open_webhook_rig(mongo_url, redis_url, database) as rig:
        created = WebhookCreated(
            generation=1, name="shop", url=receiver.url, types=(), categories=(), streams=(),
            mode=WebhookMode.STRUCTURED, batch_size=1, personal=False,
        )  # fmt: skip
        imported = commit("webhook-1", 0, created, category="webhook")
        await rig.log.restore([imported])
        other = await rig.create(receiver.url)
        await rig.append("note-0")
        await receiver.until(lambda: len(receiver.events) == 1)
        await rig.until_status(other, lambda status: status.delivered == 1)
        assert not (await rig.status("webhook-1")).attempts
        await rig.send(PauseWebhook(id="webhook-1", reason="it was imported"))
        await rig.send(ResumeWebhook(id="webhook-1"))
        async with asyncio.timeout(60):
            await receiver.until(lambda: len(receiver.events) == 2)
    assert receiver.first_versions == {"note-0": [1]}
