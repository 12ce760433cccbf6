"""Deliveries of webhooks that have failed, in MongoDB: one for each stream that waits, with its next event.

    {_id, consumer, tenant, webhook, stream, version, position, event, type, attempts, first_failed_at,
     failed_at, status, error, due}

An event that is delivered at once never gets here. `version` is that of the next event to deliver; all later
events of the stream wait behind it, in the log. Without `due` it is a dead letter.
"""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from pymongo import ASCENDING, DESCENDING, ReplaceOne

from domain.kernel import RecordedEvent
from eventstore.mongo.driver import Database, Document, unavailable_if_down
from eventstore.mongo.reads import aggregate
from subscriptions.publishing.ports import DeliveryFailed, WebhookKey
from subscriptions.publishing.retry_schedule import RetrySchedule

WEBHOOK_DELIVERIES = "webhook_deliveries"
"""The name of the collection."""


@dataclass(frozen=True, slots=True)
class PendingDelivery:
    """The next event of a stream that waits, and the failures of its delivery.

    `version` is the event's version in the stream, `event` its id. `due` is the time of the next attempt,
    None for a dead letter. `status` is that of the last response, None without one; `error` says what failed.
    """

    stream: str
    version: int
    position: int
    event: str
    type: str
    attempts: int = 0
    first_failed_at: datetime | None = None
    failed_at: datetime | None = None
    status: int | None = None
    error: str | None = None
    due: datetime | None = None

    @classmethod
    def of(cls, event: RecordedEvent) -> PendingDelivery:
        """Return the delivery of an event that was not attempted yet."""
        return cls(event.stream, event.version, event.position, event.id, event.type)

    def at(self, event: RecordedEvent) -> PendingDelivery:
        """Return the delivery of an event of the stream; only the next event has these failures."""
        delivery = PendingDelivery.of(event)
        if event.version != self.version:
            return delivery
        return replace(
            delivery,
            attempts=self.attempts,
            first_failed_at=self.first_failed_at,
            failed_at=self.failed_at,
        )

    def after_failure(
        self, failure: DeliveryFailed, schedule: RetrySchedule, now: datetime, resumed: datetime | None
    ) -> PendingDelivery:
        """Return the delivery after a failed attempt; `resumed` is when the webhook's last pause ended."""
        attempts, began = self.attempts + 1, self.first_failed_at or now
        if resumed is not None and self.failed_at is not None and self.failed_at < resumed:
            # The time until it is given up does not run while the webhook is paused.
            attempts, began = 1, now
        due = schedule.next_attempt(attempts, began, now, failure.retry_after)
        return replace(
            self,
            attempts=attempts,
            first_failed_at=began,
            failed_at=now,
            status=failure.status,
            error=str(failure),
            due=due,
        )


class DeliveryCounts(NamedTuple):
    """The numbers of streams of a webhook that wait for another attempt, and of its dead letters."""

    pending: int
    dead: int


class DeadLetterCount(NamedTuple):
    """The number of dead letters of a webhook."""

    tenant: str
    webhook: str
    number: int


class PendingDeliveries:
    """The pending deliveries of one run of a webhook. Every method raises Unavailable.

    `consumer` is the name of the durable consumer of the run; each replay begins another run.
    """

    def __init__(self, database: Database, key: WebhookKey, consumer: str) -> None:
        self._documents = database[WEBHOOK_DELIVERIES]
        self._key = key
        self._consumer = consumer

    async def prepare(self) -> None:
        """Create missing indexes."""
        with unavailable_if_down():
            for keys in (["consumer", "due"], ["tenant", "webhook", "stream"]):
                await self._documents.create_index([(key, ASCENDING) for key in keys])

    async def streams(self) -> dict[str, bool]:
        """Return the streams that wait, with whether each waits behind a dead letter."""
        query = {"consumer": self._consumer}
        with unavailable_if_down():
            documents = await self._documents.find(query, {"stream": 1, "due": 1}).to_list(None)
        return {document["stream"]: document["due"] is None for document in documents}

    async def save(self, deliveries: Sequence[PendingDelivery]) -> None:
        """Record these deliveries in place of those of their streams."""
        documents = map(self._to_document, deliveries)
        requests = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in documents]
        with unavailable_if_down():
            await self._documents.bulk_write(requests, ordered=False)

    async def remove(self, delivery: PendingDelivery) -> None:
        """Remove the delivery, unless another one of the stream was recorded since."""
        query = {"_id": self._id(delivery.stream), "version": delivery.version}
        with unavailable_if_down():
            await self._documents.delete_one(query)

    async def due(self, now: datetime, limit: int, busy: Names[str]) -> Sequence[PendingDelivery]:
        """Return the deliveries that are due, the first ones first, without those of `busy` streams."""
        query: Document = {"consumer": self._consumer, "due": {"$lte": now}}
        if busy:
            query["stream"] = {"$nin": list(busy)}
        with unavailable_if_down():
            cursor = self._documents.find(query).sort([("due", ASCENDING)]).limit(limit)
            return [_to_delivery(document) for document in await cursor.to_list(None)]

    async def adopt(self, former: Names[str], upto: int) -> None:
        """Take over what waits of former runs up to a position, and remove what this run delivers anyway."""
        if not former:
            return
        of_former = {"consumer": {"$in": list(former)}}
        with unavailable_if_down():
            kept = await self._documents.find({**of_former, "position": {"$lte": upto}}).to_list(None)
        if kept:
            await self.save([_to_delivery(document) for document in kept])
        with unavailable_if_down():
            await self._documents.delete_many(of_former)

    def _id(self, stream: str) -> str:
        return f"{self._consumer}|{stream}"

    def _to_document(self, delivery: PendingDelivery) -> Document:
        return {
            "_id": self._id(delivery.stream),
            "consumer": self._consumer,
            "tenant": self._key.tenant,
            "webhook": self._key.id,
            "stream": delivery.stream,
            "version": delivery.version,
            "position": delivery.position,
            "event": delivery.event,
            "type": delivery.type,
            "attempts": delivery.attempts,
            "first_failed_at": delivery.first_failed_at,
            "failed_at": delivery.failed_at,
            "status": delivery.status,
            "error": delivery.error,
            "due": delivery.due,
        }


class WebhookDeadLetters:
    """The dead letters of all webhooks, for those who operate them. Every method raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._documents = database[WEBHOOK_DELIVERIES]

    async def counts(self, key: WebhookKey) -> DeliveryCounts:
        """Return how many streams of a webhook wait, and how many dead letters it has."""
        with unavailable_if_down():
            dead = await self._documents.count_documents({**_owned_by(key), "due": None})
            waiting = await self._documents.count_documents({**_owned_by(key), "due": {"$ne": None}})
        return DeliveryCounts(waiting, dead)

    async def first_failure(self, key: WebhookKey) -> datetime | None:
        """Return when the first delivery of a webhook that still waits has failed; None if none waits."""
        query = {**_owned_by(key), "first_failed_at": {"$ne": None}}
        with unavailable_if_down():
            stored = await self._documents.find_one(query, sort=[("first_failed_at", ASCENDING)])
        return None if stored is None else stored["first_failed_at"]

    async def page(
        self,
        key: WebhookKey,
        limit: int,
        after: str | None = None,
        before: str | None = None,
        *,
        backward: bool = False,
    ) -> Sequence[PendingDelivery]:
        """Return the dead letters of a webhook between two streams, in the order of their streams.

        They are the first ones, or with `backward` the last ones.
        """
        query: Document = {**_owned_by(key), "due": None}
        bounds = {"$gt": after, "$lt": before}
        if limits := {operator: stream for operator, stream in bounds.items() if stream is not None}:
            query["stream"] = limits
        order = DESCENDING if backward else ASCENDING
        with unavailable_if_down():
            documents = await self._documents.find(query).sort([("stream", order)]).limit(limit).to_list(None)
        letters = [_to_delivery(document) for document in documents]
        return letters[::-1] if backward else letters

    async def has(self, key: WebhookKey, stream: str, version: int) -> bool:
        """Return whether the event with this version of a stream is a dead letter."""
        query = {**_owned_by(key), "due": None, "stream": stream, "version": version}
        with unavailable_if_down():
            return await self._documents.find_one(query, {"_id": 1}) is not None

    async def retry(self, key: WebhookKey, stream: str | None, now: datetime) -> None:
        """Make the dead letter of a stream, or all of the webhook, due now, as if none had failed."""
        query: Document = {**_owned_by(key), "due": None}
        if stream is not None:
            query["stream"] = stream
        renewed = {"due": now, "attempts": 0, "first_failed_at": None}
        with unavailable_if_down():
            await self._documents.update_many(query, {"$set": renewed})

    async def drop(self, key: WebhookKey, stream: str, version: int, now: datetime) -> None:
        """Go on behind the dead letter of a stream, if it is still the event with this version."""
        query = {**_owned_by(key), "due": None, "stream": stream, "version": version}
        behind = {"version": version + 1, "due": now, "attempts": 0, "first_failed_at": None}
        with unavailable_if_down():
            await self._documents.update_one(query, {"$set": behind})


async def count_webhook_dead_letters(database: Database) -> Sequence[DeadLetterCount]:
    """Return the numbers of dead letters of all webhooks that have any. Raises Unavailable."""
    group = {"_id": {"tenant": "$tenant", "webhook": "$webhook"}, "number": {"$sum": 1}}
    with unavailable_if_down():
        groups = await aggregate(database[WEBHOOK_DELIVERIES], [{"$match": {"due": None}}, {"$group": group}])
    return sorted(DeadLetterCount(**each["_id"], number=each["number"]) for each in groups)


async def delete_deliveries(database: Database, tenant: str, webhook: str | None = None) -> None:
    """Delete what waits of a webhook, or of all webhooks of the tenant. Raises Unavailable."""
    query = {"tenant": tenant} if webhook is None else {"tenant": tenant, "webhook": webhook}
    with unavailable_if_down():
        await database[WEBHOOK_DELIVERIES].delete_many(query)


def _to_delivery(document: dict[str, Any]) -> PendingDelivery:
    """Return a stored delivery."""
    return PendingDelivery(**{name: document[name] for name in PendingDelivery.__slots__})


def _owned_by(key: WebhookKey) -> Document:
    return {"tenant": key.tenant, "webhook": key.id}
