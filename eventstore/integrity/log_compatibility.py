"""Checking at the start of a process that the code can read all stored events.

The log has the schemas with which processes that may append have declared their events:

    {_id: "schema/<type>.<revision>", schemas: [<JSON Schema as JSON>, …]}

Schemas are only added, each before the first event could be stored with it: so each stored event was valid
by one of them. A changed declaration is compared with all of these, and with the files of the contexts.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import orjson
from pymongo import UpdateOne

from domain.kernel import Catalog, Event
from domain.kernel.schemas import Schema, event_schema, narrowings
from eventstore.integrity.event_schemas import EventSchemas, SchemaKey, kept_schemas
from eventstore.mongo.driver import Database, Document, unavailable_if_down
from eventstore.mongo.log_collections import LogCollections

PREFIX = "schema/"

LOOK_FOR = 2.0
"""Seconds in which the stored events of one schema are read; the others then count as incompatible."""

NAMED = 5
"""Most event types that are named."""

BY_TYPE = "by_type"


async def schemas_of_log(database: Database) -> dict[SchemaKey, Sequence[Schema]]:
    """Return the schemas that the log has, by type and revision, later ones last. Raises Unavailable."""
    with unavailable_if_down():
        meta = LogCollections.of(database).meta
        stored = await meta.find({"_id": {"$gte": PREFIX, "$lt": f"{PREFIX[:-1]}0"}}).to_list(None)
    found: dict[SchemaKey, Sequence[Schema]] = {}
    for document in stored:
        name, _, revision = document["_id"].removeprefix(PREFIX).rpartition(".")
        found[SchemaKey(name, int(revision))] = [orjson.loads(text) for text in document["schemas"]]
    return found


class LogCompatibility:
    """Compares the declared events of a catalog with a log. Methods raise Unavailable."""

    def __init__(self, database: Database, catalog: Catalog, look_for: float = LOOK_FOR) -> None:
        collections = LogCollections.of(database)
        self._database = database
        self._log = collections.log
        self._meta = collections.meta
        self._catalog = catalog
        self._look_for = look_for

    async def problems(self) -> list[str]:
        """Return a sentence for each event type that the code cannot read, which also says what to do."""
        stored = await schemas_of_log(self._database)
        for key, schema in kept_schemas(self._catalog).items():
            stored[key] = [*stored.get(key, ()), schema]
        problems = [text async for text in self._unknown_types()]
        for key, schemas in stored.items():
            event = self._catalog.events.get(key.type)
            if event is not None:
                problems += [text async for text in self._of_schema(event, key, schemas)]
        return problems

    async def store_schemas(self) -> None:
        """Add the schemas of the declared events to the log, before any of these events is stored."""
        kept = await schemas_of_log(self._database)
        additions = []
        for event in self._catalog.events.values():
            key, schema = SchemaKey(event.type, event.revision), event_schema(event)
            if schema not in kept.get(key, ()):
                text = orjson.dumps(schema, option=orjson.OPT_SORT_KEYS).decode()
                stored, addition = {"_id": f"{PREFIX}{key.type}.{key.revision}"}, {"schemas": text}
                additions.append(UpdateOne(stored, {"$addToSet": addition}, upsert=True))
        if additions:
            with unavailable_if_down():
                await self._meta.bulk_write(additions, ordered=False)

    async def _unknown_types(self) -> AsyncIterator[str]:
        """Yield a problem for each stored event type of a context that does not declare it."""
        categories = {context.category for context in self._catalog.contexts}
        known, named = set(self._catalog.events), 0
        while named < NAMED and (stored := await self._of_other_type(known)) is not None:
            types = {event["type"] for event in stored["events"]} - known
            known |= types
            if stored["category"] in categories:
                for name in sorted(types):
                    named += 1
                    yield (
                        f"the log holds events of the type {name!r} (the stream {stored['stream']}), and no "
                        f"event of the category {stored['category']!r} is declared with it; keep its class "
                        "in the aggregate's union of events, even if nothing makes such events any more"
                    )

    async def _of_other_type(self, known: Iterable[str]) -> Document | None:
        """Return a commit with an event of none of these types, by a few seeks in an index."""
        bounds = ["", *sorted(known), None]
        between = [
            {"events": {"$elemMatch": {"type": {"$gt": low, **({} if high is None else {"$lt": high})}}}}
            for low, high in pairwise(bounds)
        ]
        with unavailable_if_down():
            return await self._log.find_one({"tenant": {"$gte": ""}, "$or": between}, hint=BY_TYPE)

    async def _of_schema(
        self, event: type[Event], key: SchemaKey, schemas: Sequence[Schema]
    ) -> AsyncIterator[str]:
        """Yield what keeps the declared event from reading events that are stored with this schema."""
        if key.revision > event.revision:
            if await self._may_hold(key, None):
                yield (
                    f"the log holds events {key}, and {event.__name__} is declared with revision "
                    f"{event.revision}; run the version of the code that declares it, or a later one"
                )
        elif key.revision == event.revision:
            lost = dict.fromkeys(_lost(event, schemas))
            if lost and await self._may_hold(key, EventSchemas(self._catalog)):
                following = key.revision + 1
                yield (
                    f"{event.__name__} cannot read all that the log may hold of {key}: {', '.join(lost)}; "
                    f"declare it with revision={following} and an upcaster from {key.revision}, or give a "
                    "new field a default"
                )

    async def _may_hold(self, key: SchemaKey, schemas: EventSchemas | None) -> bool:
        """Return whether the log has an event of this revision, with `schemas` one that violates its schema.

        True also where not all events could be read: they are too many, or archived.
        """
        deadline = time.monotonic() + self._look_for
        of_revision = {"events": {"$elemMatch": {"type": key.type, "schema": key.revision}}}
        query = {"tenant": {"$gte": ""}, "events.type": key.type, **of_revision}
        read = {"events.type": 1, "events.schema": 1, "events.data": 1, "events.sealed": 1, "archived": 1}
        with unavailable_if_down():
            async for commit in self._log.find(query, read).hint(BY_TYPE):
                if schemas is None or "archived" in commit or time.monotonic() > deadline:
                    return True
                if any(_violates(event, key, schemas) for event in commit["events"]):
                    return True
        return False


def _lost(event: type[Event], schemas: Iterable[Schema]) -> Iterator[str]:
    now = event_schema(event)
    for schema in schemas:
        yield from narrowings(schema, now)


def _violates(event: Mapping[str, Any], key: SchemaKey, schemas: EventSchemas) -> bool:
    if (event["type"], event["schema"]) != key:
        return False
    sealed = [name for part in event.get("sealed", ()) for name in part["fields"]]
    return schemas.violation(*key, event["data"], sealed) is not None
