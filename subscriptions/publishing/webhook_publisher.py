"""The delivery of one webhook: the handler of its durable consumer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from domain.builtin.webhooks.aggregate import Webhook
from domain.kernel import Commit, RecordedEvent
from domain.kernel.errors import Unavailable
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.consumer import InterruptibleHandler
from subscriptions.feed.background import BackgroundLoop
from subscriptions.publishing.current_webhook import CurrentWebhook
from subscriptions.publishing.deliveries import PendingDeliveries, PendingDelivery
from subscriptions.publishing.persistent_write import until_stored
from subscriptions.publishing.ports import DeliveryFailed
from subscriptions.publishing.publishing_parts import PublishingParts
from subscriptions.publishing.stream_queues import EventQueues
from subscriptions.publishing.waiting_streams import WaitingStreams
from subscriptions.publishing.webhook_attempts import WebhookAttempts
from subscriptions.publishing.webhook_registry import RegisteredWebhook
from subscriptions.publishing.webhook_runs import WebhookRun, forget_runs

logger = logging.getLogger(__name__)

MAX_QUEUED = 1_000
"""Events of a webhook in memory."""

MAX_PENDING = 1_000
"""Streams of a webhook that wait for another attempt; with more, the log is not read on."""

LONGEST_PAUSE = 60.0
"""Seconds after which a publisher looks for work that it was not woken for."""

LONGEST_DRAIN = 20.0
"""Seconds for which a publisher whose webhook moves waits for its requests and for their outcomes."""

LAST_REQUESTS = 1.0
"""Seconds for which a publisher that stops waits for its requests: less than a consumer may take to leave."""

LOOK_INTERVAL = 1.0
"""Seconds between two looks for deliveries that are due, and between two writes of attempts."""

PAGE = 100
"""Events of a waiting stream that are read at once."""


class WebhookPublisher(InterruptibleHandler):
    """Delivers the events of a webhook: those of one stream in order, those of several at the same time.

    `find` returns the webhook as it is now, None if it is deleted. An event whose delivery fails is recorded
    in MongoDB, and its stream waits there; so the log is read on.
    """

    def __init__(
        self, run: WebhookRun, find: Callable[[], RegisteredWebhook | None], parts: PublishingParts
    ) -> None:
        self._run = run
        self._webhook = CurrentWebhook(run.key.tenant, find)
        self._parts = parts
        self._deliveries = PendingDeliveries(parts.database, run.key, run.consumer)
        symptom = f"{run.consumer} delivers nothing"
        self._loop = BackgroundLoop(self._start_requests, symptom, logger, sleep=self._sleep)
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._is_draining = False
        self._set_up(0)

    def _set_up(self, position: int) -> None:
        self._accepted = position
        self._attempts = WebhookAttempts(self._run.key, self._parts)
        self._queues = EventQueues()
        self._waiting = WaitingStreams()
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None
        self._is_interrupted = self._is_ending = self._is_turn_of_retries = False
        self._look_at = self._write_at = 0.0

    def wake(self) -> None:
        """Look at once what can be sent; called when the webhook has changed."""
        self._wake.set()

    async def begin(self, checkpoint: Checkpoint) -> None:
        """Take up what waits from before; after `drain` nothing is sent any more."""
        self._set_up(checkpoint.position)
        await self._deliveries.prepare()
        await self._deliveries.adopt(self._run.former, checkpoint.position)
        await forget_runs(self._parts.database, self._run.former)
        for stream, is_dead in (await self._deliveries.streams()).items():
            self._waiting.add(stream, checkpoint.position, is_dead=is_dead)
        self._loop.start()

    async def handle(self, commits: Sequence[Commit]) -> bool:
        """Accept the events of these commits; waits while there is no room for them."""
        for commit in commits:
            for event in commit.events:
                if self._webhook.selects(event) and not await self._accept(event):
                    return False
            self._accepted = commit.position
        return False

    async def settle(self, position: int, *, is_last: bool = False) -> int:
        """Return the position before the first event that is neither delivered nor recorded.

        With `is_last` no new event is sent, and requests under way have a moment to end. One that takes more
        is repeated by the next publisher. Raises the error of an outcome that could not be recorded.
        """
        if is_last:
            self._is_ending = True
            await self._end_requests(LAST_REQUESTS)
        if self._error is not None:
            raise self._error
        first = self._queues.first_position
        done = self._accepted if first is None else min(first - 1, self._accepted)
        return min(position, done)

    def interrupt(self) -> None:
        """Make `handle` return, though not all events are accepted."""
        self._is_interrupted = True
        self._room.set()

    async def drain(self) -> None:
        """Begin no other request from now on, and wait up to `LONGEST_DRAIN` for those under way."""
        self._is_draining = True
        await self._end_requests(LONGEST_DRAIN)

    async def end(self) -> None:
        """Stop all requests; those under way may be sent again."""
        await self._loop.stop()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        with suppress(Unavailable):
            await self._attempts.write()

    async def _end_requests(self, within: float) -> None:
        await self._loop.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)

    async def _accept(self, event: RecordedEvent) -> bool:
        """Queue an event, or leave it to its stream if that waits. Return False if interrupted before."""
        while event.stream not in self._waiting and not self._has_room():
            if self._is_interrupted or self._error is not None:
                return False
            self._room.clear()
            await self._room.wait()
        if event.stream in self._waiting:
            self._waiting.note(event.stream, event.position)
        else:
            self._queues.add(event)
            self._wake.set()
        return True

    def _has_room(self) -> bool:
        return self._queues.size < MAX_QUEUED and self._waiting.pending < MAX_PENDING

    async def _start_requests(self) -> float:
        """Start the requests for which there is capacity. Return the seconds until the next look."""
        self._wake.clear()
        await self._write_attempts()
        webhook = self._sendable()
        if webhook is not None:
            await self._start_retries()
            while self._capacity > 0 and (events := self._queues.take(webhook.batch_size)):
                self._start(self._send(webhook, events))
        return self._next_look(is_paused=webhook is None)

    def _sendable(self) -> Webhook | None:
        """Return the webhook if requests may begin now."""
        return None if self._is_draining or self._is_ending else self._webhook.sendable

    @property
    def _capacity(self) -> int:
        """The number of requests that may begin now."""
        circuit = self._attempts.circuit
        if circuit.pause > 0:
            return 0
        return (1 if circuit.is_open else self._parts.concurrency) - len(self._tasks)

    async def _start_retries(self) -> None:
        """Retry what is due, with half of the capacity if there are other events to send."""
        limit = self._capacity
        if limit <= 0 or not self._waiting or self._look_at > self._parts.monotonic():
            return
        if self._queues.has_ready:
            # The odd request is used in turns, so that neither kind waits for ever.
            limit, odd = divmod(limit, 2)
            self._is_turn_of_retries = not self._is_turn_of_retries
            limit += odd if self._is_turn_of_retries else 0
        if limit == 0:
            return
        due = await self._deliveries.due(self._parts.clock(), limit, self._waiting.retried)
        if len(due) < limit:
            interval = min(LOOK_INTERVAL, self._parts.schedule.first)
            self._look_at = self._parts.monotonic() + interval
        for delivery in due:
            self._waiting.begin(delivery.stream, self._accepted)
            self._start(self._retry(delivery))

    def _next_look(self, *, is_paused: bool) -> float:
        pauses = [LONGEST_PAUSE]
        if not self._attempts.is_written:
            pauses.append(self._write_at - self._parts.monotonic())
        if not is_paused:
            pauses.append(self._attempts.circuit.pause or LONGEST_PAUSE)
        if not is_paused and self._waiting and self._capacity > 0:
            pauses.append(self._look_at - self._parts.monotonic())
        return max(0.0, min(pauses))

    async def _sleep(self, pause: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()

    async def _write_attempts(self) -> None:
        if self._write_at <= self._parts.monotonic():
            self._write_at = self._parts.monotonic() + LOOK_INTERVAL
            with suppress(Unavailable):
                await self._attempts.write()

    def _start(self, request: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(request)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._error = task.exception()
        self._room.set()
        self._wake.set()

    async def _send(self, webhook: Webhook, events: Sequence[RecordedEvent]) -> None:
        """Send events that were taken from the queues. After a failure their streams wait."""
        failure = await self._attempts.send(webhook, events)
        if failure is None:
            self._queues.deliver(events)
            return
        first = {event.stream: event for event in reversed(events)}
        failed = [self._failed(PendingDelivery.of(event), failure) for event in first.values()]
        # From now on the streams get no event in memory, so what is set aside below is in the log.
        last = self._queues.last_positions(events)
        for delivery in failed:
            self._waiting.add(delivery.stream, last[delivery.stream], is_dead=delivery.due is None)
        await until_stored(partial(self._deliveries.save, failed))
        self._queues.set_aside(events)

    async def _retry(self, delivery: PendingDelivery) -> None:
        """Send the next event of a waiting stream, and all that wait behind it, one after the other."""
        stream, stored = delivery.stream, delivery
        try:
            while True:
                upto = self._accepted
                page = await self._parts.log.stream(self._run.key.tenant, stream, delivery.version - 1, PAGE)
                events = [event for event in page if event.position <= upto]
                if not events and self._waiting.release(stream, upto):
                    break
                for event in events:
                    failed = await self._deliver_waiting(stored.at(event), event)
                    if failed is not None:
                        await until_stored(partial(self._deliveries.save, [failed]))
                        self._waiting.add(stream, event.position, is_dead=failed.due is None)
                        return
                    delivery = replace(PendingDelivery.of(event), version=event.version + 1)
                if events:
                    # What was accepted is not sent again, whatever ends this retry.
                    stored = replace(delivery, due=self._parts.clock())
                    await until_stored(partial(self._deliveries.save, [stored]))
            await until_stored(partial(self._deliveries.remove, stored))
        except Exception as error:
            # The delivery stays due, and is retried at a later look.
            logger.warning("%s cannot be retried for now: %s", stream, error)
            self._look_at = self._parts.monotonic() + LOOK_INTERVAL
        finally:
            self._waiting.end(stream)

    async def _deliver_waiting(
        self, pending: PendingDelivery, event: RecordedEvent
    ) -> PendingDelivery | None:
        """Send an event of a waiting stream. Return what still waits then, None if it is delivered."""
        if not self._webhook.selects(event):
            return None
        webhook = self._sendable()
        if webhook is None or self._attempts.circuit.pause > 0:
            return replace(pending, due=self._parts.clock())
        failure = await self._attempts.send(webhook, [event])
        return None if failure is None else self._failed(pending, failure)

    def _failed(self, pending: PendingDelivery, failure: DeliveryFailed) -> PendingDelivery:
        now, schedule = self._parts.clock(), self._parts.schedule
        return pending.after_failure(failure, schedule, now, self._webhook.resumed)
