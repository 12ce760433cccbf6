"""The documents of a source that exist by the log: what a copy of the collection is compared with."""

from __future__ import annotations

from pydantic import JsonValue

from domain.foreign_documents.aggregate import ForeignDocument
from domain.foreign_documents.events import ForeignDocumentDeleted
from eventstore.log import EventLog
from eventstore.reading.event_query import EventQuery


async def recorded_documents(log: EventLog, tenant: str, source: str) -> dict[str, JsonValue]:
    """Return the keys of the documents that are recorded and not deleted, by their streams."""
    keys: dict[str, JsonValue] = {}
    async for commit in await log.replay(tenant, EventQuery(categories=(ForeignDocument.category,))):
        for event in commit.events:
            if event.data["source"] != source:
                continue
            if event.type == ForeignDocumentDeleted.type:
                keys.pop(event.stream, None)
            else:
                keys[event.stream] = event.data["key"]
    return keys
