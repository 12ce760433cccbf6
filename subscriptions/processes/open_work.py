"""Open work of processes in MongoDB: what a worker has to do that the checkpoint has passed already.

    {_id, process, tenant, instance, id, channel, stream, version, position, correlation, due, attempts,
     error, share}

Work that is done at once never gets here. The states of the instances are the authority: a document only says
where to look.
"""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zlib import crc32

from pymongo import ASCENDING, ReplaceOne

from eventstore.mongo.driver import Database, Document, unavailable_if_down
from eventstore.mongo.reads import aggregate
from subscriptions.consumers.state import Partition
from subscriptions.processes.instances import InstanceKey

PROCESS_WORK = "process_work"
"""The name of the collection."""


TRIGGERS = "triggers"
"""The channel of parked triggers, which waits for a decision about their instance."""


class Work(NamedTuple):
    """A piece of work for an instance.

    `id` is that of the effect. `version` is the version, and `position` the position of the event that asks
    for it; of a trigger they are those of the trigger in `stream`. `channel` names what limits how many
    pieces are done at a time. `due` is when to do it, None for at once. `attempts` counts failures, and
    `error` is the last one.
    """

    instance: InstanceKey
    id: str
    channel: str
    stream: str
    version: int
    position: int
    correlation: str
    due: datetime | None = None
    attempts: int = 0
    error: str | None = None


class OpenWork:
    """The open work of a partition of a process. Every method raises Unavailable."""

    def __init__(self, database: Database, process: str, partition: Partition) -> None:
        self._database = database
        self._documents = database[PROCESS_WORK]
        self._process = process
        self._partition = partition
        self._share = {"process": process, "share": {"$mod": [partition.of, partition.number]}}

    async def prepare(self) -> None:
        """Create missing indexes."""
        with unavailable_if_down():
            for keys in (["process", "channel", "due", "share"], ["process", "instance", "position"]):
                await self._documents.create_index([(key, ASCENDING) for key in keys])

    async def save(self, added: Iterable[Work], removed: Iterable[tuple[InstanceKey, str]]) -> None:
        """Record work, and remove what is done."""
        requests = [
            ReplaceOne({"_id": document["_id"]}, document, upsert=True)
            for document in map(self._to_document, added)
        ]
        ids = [self._id(*key) for key in removed]
        with unavailable_if_down():
            if requests:
                await self._documents.bulk_write(requests, ordered=False)
            if ids:
                await self._documents.delete_many({"_id": {"$in": ids}})

    async def server_time(self) -> datetime:
        """Return the time of MongoDB's clock."""
        with unavailable_if_down():
            answer = await self._database.command("hello")
        time: datetime = answer["localTime"]
        return time.replace(tzinfo=UTC)

    async def earliest(self, channel: str, limit: int, known: Ids[Work]) -> Sequence[Work]:
        """Return the work of a channel that is due first, without what is `known` to the caller."""
        filter_ = {**self._share, "channel": channel}
        if known:
            filter_["_id"] = {"$nin": [self._id(work.instance, work.id) for work in known]}
        with unavailable_if_down():
            cursor = self._documents.find(filter_).sort([("due", ASCENDING)]).limit(limit)
            return [_to_work(document) for document in await cursor.to_list(None)]

    async def parked(self, instance: InstanceKey, limit: int) -> Sequence[Work]:
        """Return the first triggers that wait for an instance, in their order."""
        filter_ = {"process": self._process, "instance": instance.stream, "tenant": instance.tenant}
        with unavailable_if_down():
            cursor = self._documents.find({**filter_, "channel": TRIGGERS})
            documents = await cursor.sort([("position", 1), ("version", 1)]).limit(limit).to_list(None)
        return [_to_work(document) for document in documents]

    async def instances_with_triggers(self) -> set[InstanceKey]:
        """Return the instances for which triggers wait."""
        group = {"_id": {"tenant": "$tenant", "instance": "$instance"}}
        match = {**self._share, "channel": TRIGGERS}
        with unavailable_if_down():
            documents = await aggregate(self._documents, [{"$match": match}, {"$group": group}])
        return {InstanceKey(each["_id"]["tenant"], each["_id"]["instance"]) for each in documents}

    def _id(self, instance: InstanceKey, id: str) -> str:
        return f"{self._process}/{id}/{instance.tenant}"

    def _to_document(self, work: Work) -> Document:
        return {
            "_id": self._id(work.instance, work.id),
            "process": self._process,
            "tenant": work.instance.tenant,
            "instance": work.instance.stream,
            "id": work.id,
            "channel": work.channel,
            "stream": work.stream,
            "version": work.version,
            "position": work.position,
            "correlation": work.correlation,
            "due": work.due,
            "attempts": work.attempts,
            "error": work.error,
            "share": crc32(share_key(work.instance).encode()),
        }


async def failing_work(database: Database, instance: InstanceKey) -> Sequence[Work]:
    """Return the work of an instance that has failed and will be done again. Raises Unavailable.

    Work with a short pause before its next attempt is in the memory of a worker, and is missing.
    """
    filter_ = {"process": instance.category, "instance": instance.stream, "tenant": instance.tenant}
    with unavailable_if_down():
        cursor = database[PROCESS_WORK].find({**filter_, "attempts": {"$gt": 0}})
        return [_to_work(document) for document in await cursor.sort([("position", ASCENDING)]).to_list(None)]


async def delete_open_work(database: Database, tenant: str) -> int:
    """Delete the open work and the deadlines of a tenant's instances; return how much. Raises Unavailable."""
    with unavailable_if_down():
        return (await database[PROCESS_WORK].delete_many({"tenant": tenant})).deleted_count


def share_key(instance: InstanceKey) -> str:
    """Return the key by which instances are divided among the partitions."""
    return f"{instance.tenant}/{instance.stream}"


def _to_work(document: dict[str, Any]) -> Work:
    return Work(
        instance=InstanceKey(document["tenant"], document["instance"]),
        id=document["id"],
        channel=document["channel"],
        stream=document["stream"],
        version=document["version"],
        position=document["position"],
        correlation=document["correlation"],
        due=document["due"],
        attempts=document["attempts"],
        error=document.get("error"),
    )
