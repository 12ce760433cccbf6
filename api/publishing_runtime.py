"""Publishing in a worker: webhooks, and the streams in Redis that the settings name."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from api.ids import now
from api.runtime import Runtime
from api.webhook_settings import RedisStreamSettings
from api.webhooks.http_sender import HttpSender
from api.webhooks.messages import stream_entry
from api.webhooks.pausing import CommandPauser
from api.webhooks.secrets import WebhookSecrets
from domain.kernel import RecordedEvent
from eventstore.place import Place
from subscriptions.consumers.group import ConsumerDefinition
from subscriptions.publishing.event_selection import EventSelection
from subscriptions.publishing.publishing_parts import PublishingParts
from subscriptions.publishing.redis_streams import RedisStream, redis_stream_consumer
from subscriptions.publishing.retry_schedule import RetrySchedule
from subscriptions.publishing.worker import PublishingWorker


@asynccontextmanager
async def running_publishers(runtime: Runtime) -> AsyncIterator[None]:
    """Deliver this worker's share of webhooks and of streams in Redis inside the context."""
    settings = runtime.settings
    async with AsyncExitStack() as stack:
        secrets = WebhookSecrets(runtime.log.secrets)
        sender = HttpSender(settings.webhook_settings, secrets, runtime.position_seal, now)
        stack.push_async_callback(sender.close)
        streams: dict[str, ConsumerDefinition] = {}
        for name, stream_settings in settings.redis_streams.items():
            stream = _open_stream(runtime, name, stream_settings)
            stack.push_async_callback(stream.close)
            consumer, definition = _definition(runtime, name, stream_settings, stream)
            streams[consumer] = definition
        worker = PublishingWorker(
            _parts(runtime, sender),
            runtime.feed,
            runtime.checkpoints,
            runtime.wakeups,
            tick=settings.poll_interval,
            lease_time=settings.lease_time,
            streams=streams,
        )
        await worker.start()
        stack.push_async_callback(worker.stop)
        yield


def _parts(runtime: Runtime, sender: HttpSender) -> PublishingParts:
    settings = runtime.settings.webhook_settings
    return PublishingParts(
        database=runtime.database,
        log=runtime.log,
        sender=sender,
        pauser=CommandPauser(runtime.bus, runtime.catalog),
        schedule=RetrySchedule(settings.first_pause, settings.longest_pause, settings.retry_for),
        concurrency=settings.concurrency,
        clock=now,
        monotonic=time.monotonic,
    )


def _open_stream(runtime: Runtime, name: str, settings: RedisStreamSettings) -> RedisStream:
    assert runtime.settings.redis_url is not None
    return RedisStream(
        runtime.settings.redis_url.get_secret_value(),
        settings.key or f"nerve:{name}",
        settings.max_length,
        cluster=runtime.settings.redis_cluster,
    )


def _definition(
    runtime: Runtime, name: str, settings: RedisStreamSettings, stream: RedisStream
) -> tuple[str, ConsumerDefinition]:
    selection = EventSelection(
        tenants=settings.tenants,
        types=settings.types,
        categories=settings.categories,
        streams=settings.streams,
    )

    def position(event: RecordedEvent) -> str:
        return runtime.position_seal.seal(event.commit.tenant, Place(event.position, event.place))

    to_entry = partial(stream_entry, position=position, personal=settings.personal)
    return redis_stream_consumer(
        name, stream, selection, to_entry, starts_at_head=settings.starts_at == "now"
    )
