"""Counting what each tenant has in the log."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from eventstore.mongo.driver import Database, Document, unavailable_if_down
from eventstore.mongo.reads import aggregate

RANGE = 20_000
"""Positions that are counted at once."""


@dataclass(frozen=True, slots=True)
class TenantCount:
    """What a tenant has in the log. `bytes` is the size of its documents in the database, uncompressed.

    `first` and `last` are the record times of its first and last commit; None without commits.
    """

    streams: int = 0
    commits: int = 0
    events: int = 0
    bytes: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def __add__(self, later: TenantCount) -> TenantCount:
        return TenantCount(
            self.streams + later.streams,
            self.commits + later.commits,
            self.events + later.events,
            self.bytes + later.bytes,
            self.first or later.first,
            later.last or self.last,
        )


async def count_tenants(
    database: Database,
    upto: int,
    tenant: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, TenantCount]:
    """Return what each tenant, or this one alone, has in the log up to a settled position, by name.

    The log is read once, in ranges; `progress` gets the positions that are done, and of all. Raises
    Unavailable.
    """
    counts: dict[str, TenantCount] = {}
    wanted: Document = {"tenant": {"$exists": True}} if tenant is None else {"tenant": tenant}
    for first in range(1, upto + 1, RANGE):
        last = min(first + RANGE - 1, upto)
        stages = [{"$match": {"_id": {"$gte": first, "$lte": last}, **wanted}}, {"$group": _GROUP}]
        with unavailable_if_down():
            for group in await aggregate(database["log"], stages):
                counts[group["_id"]] = counts.get(group["_id"], TenantCount()) + _to_count(group)
        progress(last, upto)
    return dict(sorted(counts.items()))


class TenantSpan(NamedTuple):
    """The record times of a tenant's first and last commit, by the indexes of the log."""

    first: datetime
    last: datetime


async def tenant_spans(database: Database, limit: int, after: str = "") -> dict[str, TenantSpan]:
    """Return the tenants that the log has, by name: at most `limit` of those after the name `after`.

    Nothing but indexes is read, a few entries for each tenant. Raises Unavailable.
    """
    log = database["log"]
    spans: dict[str, TenantSpan] = {}
    with unavailable_if_down():
        names = [name for name in await log.distinct("tenant") if isinstance(name, str) and name > after]
        for name in sorted(names)[:limit]:
            ends = [
                await log.find({"tenant": name}, {"_id": 0, "at": 1}).sort(order).limit(1).to_list(None)
                for order in ([("at", 1), ("_id", 1)], [("at", -1), ("_id", -1)])
            ]
            if all(ends):
                spans[name] = TenantSpan(*(end[0]["at"] for end in ends))
    return spans


async def tenants_with_stream(database: Database, stream: str) -> Collection[str]:
    """Return the names of the tenants that have a stream of this id. Raises Unavailable."""
    log = database["log"]
    with unavailable_if_down():
        # An index begins with the tenant, so the stream is looked up in each of them.
        first = {"tenant": {"$in": await log.distinct("tenant")}, "stream": stream, "events.version": 1}
        return {commit["tenant"] for commit in await log.find(first, {"tenant": 1}).to_list(None)}


# A record of a command that changed nothing has a tenant, but no events and no stream.
_EVENTS = {"$size": {"$ifNull": ["$events", []]}}
_IS_COMMIT = {"$gt": [_EVENTS, 0]}
_STARTS_STREAM = {"$eq": [{"$first": "$events.version"}, 1]}
_GROUP: dict[str, Any] = {
    "_id": "$tenant",
    "streams": {"$sum": {"$cond": [_STARTS_STREAM, 1, 0]}},
    "commits": {"$sum": {"$cond": [_IS_COMMIT, 1, 0]}},
    "events": {"$sum": _EVENTS},
    "bytes": {"$sum": {"$bsonSize": "$$ROOT"}},
    "first": {"$min": {"$cond": [_IS_COMMIT, "$at", None]}},
    "last": {"$max": {"$cond": [_IS_COMMIT, "$at", None]}},
}


def _to_count(group: Document) -> TenantCount:
    return TenantCount(**{name: group[name] for name in TenantCount.__slots__})
