"""Searching the log: which events are wanted, and the filter that finds their commits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.kernel import RecordedEvent


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events are wanted: those that meet all that is given.

    `since` is inclusive, `until` exclusive; both are about the time of record.
    """

    streams: Collection[str] | None = None
    categories: Collection[str] | None = None
    types: Collection[str] | None = None
    correlation: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def to_filter(self, tenant: str, after: int, upto: int) -> dict[str, Any]:
        """The MongoDB filter for the commits in question, from behind position `after` up to `upto`."""
        wanted: dict[str, Any] = {"tenant": tenant, "_id": {"$gt": after, "$lte": upto}}
        lists = {"stream": self.streams, "category": self.categories, "events.type": self.types}
        wanted.update((field, {"$in": list(values)}) for field, values in lists.items() if values is not None)
        if self.correlation is not None:
            wanted["correlation"] = self.correlation
        if len(wanted) == 2:
            # A command that changed nothing has a place in the log, and nothing that the others are about.
            wanted["unchanged"] = {"$exists": False}
        times = {"$gte": self.since, "$lt": self.until}
        if bounds := {operator: time for operator, time in times.items() if time is not None}:
            wanted["at"] = bounds
        return wanted

    def wants(self, event: RecordedEvent) -> bool:
        """Whether an event of a commit that was found is wanted itself."""
        return self.types is None or event.type in self.types


EVERYTHING = EventQuery()
