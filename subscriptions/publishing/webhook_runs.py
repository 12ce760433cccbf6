"""The passes of webhooks over the log. Each is a durable consumer, and each replay begins another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain.builtin.webhooks.aggregate import Webhook
from domain.kernel.errors import NotFound
from eventstore.log import EventLog
from eventstore.mongo.driver import Database, unavailable_if_down
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.state import CONSUMERS
from subscriptions.publishing.ports import WebhookKey
from subscriptions.publishing.webhook_registry import RegisteredWebhook


class WebhookRun(NamedTuple):
    """A pass of a webhook over the log: the name of its durable consumer, and those of earlier passes."""

    key: WebhookKey
    consumer: str
    former: Sequence[str]


def run_of(key: WebhookKey, webhook: Webhook) -> WebhookRun:
    """Return the pass that a webhook is in: its number is that of the replays."""
    names = [f"webhook.{key.tenant}/{key.id}.{number}" for number in range(webhook.replays + 1)]
    return WebhookRun(key, names[-1], names[:-1])


async def start_of(
    run: WebhookRun, registered: RegisteredWebhook, log: EventLog, checkpoints: Checkpoints
) -> int | None:
    """Return the position after which a pass begins. Raises Unavailable.

    It is not behind what earlier passes have not done yet. What an earlier pass has recorded is taken over.
    None if the webhook has changed since it was registered: the pass may have ended, and its checkpoint with
    it, and would then send again what it has sent.
    """
    if await log.stream(*run.key, registered.version, 1):
        return None
    if not run.former:
        return registered.created_at
    states = await checkpoints.states(run.former)
    reached = [state.position for state in states.values() if state.active is not None]
    return min([await _replay_start(run.key.tenant, registered.webhook, log), *reached])


async def _replay_start(tenant: str, webhook: Webhook, log: EventLog) -> int:
    if webhook.replay_since is not None:
        return await log.recorded_before(webhook.replay_since)
    if webhook.replay_after is None:
        return 0
    return await position_behind(log, tenant, webhook.replay_after)


async def position_behind(log: EventLog, tenant: str, event_id: str) -> int:
    """Return the last position of which no event is after the event with this id.

    It is that of the event itself if this is the last one of its commit. Raises NotFound and Unavailable.
    """
    event = await log.event(tenant, event_id)
    if event is None:
        raise NotFound(f"there is no event {event_id!r}; give the `id` of an event, as in a CloudEvent")
    later = await log.stream(tenant, event.stream, event.version, 1)
    return event.position - 1 if later and later[0].position == event.position else event.position


async def forget_runs(database: Database, consumers: Sequence[str]) -> None:
    """Remove the durable consumers of earlier passes. Raises Unavailable."""
    if consumers:
        with unavailable_if_down():
            await database[CONSUMERS].delete_many({"_id": {"$in": list(consumers)}})


async def delete_runs(database: Database, tenant: str, webhook: str | None = None) -> None:
    """Remove the durable consumers of a webhook, or of all webhooks of the tenant. Raises Unavailable."""
    prefix = f"webhook.{tenant}/" if webhook is None else f"webhook.{tenant}/{webhook}."
    behind = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    with unavailable_if_down():
        await database[CONSUMERS].delete_many({"_id": {"$gte": prefix, "$lt": behind}})
