"""Queries for events, and the filters that find their commits."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import Any

from domain.kernel import CommitInfo, RecordedEvent
from eventstore.reading.event_permissions import EventPermissions


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Conditions on events; an event matches if it meets all that are given.

    `since` is inclusive, `until` exclusive; both apply to the record time. `occurred_since` and
    `occurred_until` apply to the event time, which is the record time unless the event has another.
    """

    streams: Collection[str] | None = None
    categories: Collection[str] | None = None
    types: Collection[str] | None = None
    correlation: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    occurred_since: datetime | None = None
    occurred_until: datetime | None = None
    severities: Collection[str] | None = None
    """The severities of the events; events without one match only where this is None."""
    has_event_time: bool | None = None
    """Whether the commits must have, or must not have, an event time of their own; None: either."""
    permissions: EventPermissions | None = None
    """The events that the caller may read; None: all."""

    @property
    def wanted_types(self) -> Collection[str] | None:
        """The types of which events may match; None for all."""
        return self.types if self.permissions is None else self.permissions.of(self.types).types

    @property
    def selects_in_commits(self) -> bool:
        """Whether some events of a commit may match, and others not."""
        return any(each is not None for each in (self.types, self.severities, self.permissions))

    @property
    def key(self) -> Hashable:
        """A hashable value, which queries with equal conditions have in common."""
        return tuple(
            frozenset(value) if isinstance(value, Collection) and not isinstance(value, str) else value
            for value in _conditions(self)
        )

    def to_filter(self, tenant: str, after: int, upto: int) -> dict[str, Any]:
        """Return the MongoDB filter for commits that may match, after position `after` and up to `upto`."""
        wanted: dict[str, Any] = {"tenant": tenant, "_id": {"$gt": after, "$lte": upto}}
        lists = {"stream": self.streams, "category": self.categories, "events.type": self.wanted_types}
        wanted.update((field, {"$in": list(values)}) for field, values in lists.items() if values is not None)
        if self.correlation is not None:
            wanted["correlation"] = self.correlation
        if len(wanted) == 2:
            # Records of commands without events have none of the fields that other conditions test.
            wanted["unchanged"] = {"$exists": False}
        if recorded := _between(self.since, self.until):
            wanted["at"] = recorded
        if self.has_event_time is not None:
            wanted["occurred"] = {"$exists": self.has_event_time}
        if self.permissions and (readable := self.permissions.of(self.types).to_filter()):
            wanted["$and"] = [readable]
        occurred = _between(self.occurred_since, self.occurred_until)
        if occurred and self.has_event_time:
            wanted["occurred"] = occurred
        elif occurred:
            own: dict[str, Any] = {"occurred": {"$exists": False}, "at": occurred}
            wanted["$or"] = [{"occurred": occurred}, own]
        return wanted

    def by_index(self) -> tuple[EventQuery, ...]:
        """Split the query into queries that together match the same, each served by one index."""
        if not _between(self.occurred_since, self.occurred_until):
            return (self,)
        since = [time for time in (self.since, self.occurred_since) if time is not None]
        until = [time for time in (self.until, self.occurred_until) if time is not None]
        recorded = replace(
            self,
            since=max(since, default=None),
            until=min(until, default=None),
            occurred_since=None,
            occurred_until=None,
            has_event_time=False,
        )
        return recorded, replace(self, has_event_time=True)

    def covers(self, info: CommitInfo) -> bool:
        """Return whether the commit meets the conditions, except for the types of its events."""
        occurred = info.occurred or info.at
        return (
            (self.streams is None or info.stream in self.streams)
            and (self.categories is None or info.category in self.categories)
            and (self.correlation is None or info.correlation == self.correlation)
            and (self.since is None or info.at >= self.since)
            and (self.until is None or info.at < self.until)
            and (self.occurred_since is None or occurred >= self.occurred_since)
            and (self.occurred_until is None or occurred < self.occurred_until)
        )

    def wants(self, event: RecordedEvent) -> bool:
        """Return whether an event of a matching commit has a wanted type and severity, and may be read."""
        return (
            (self.types is None or event.type in self.types)
            and (self.severities is None or event.severity in self.severities)
            and (self.permissions is None or self.permissions.allows(event))
        )


_conditions = attrgetter(*(condition.name for condition in fields(EventQuery)))


def _between(since: datetime | None, until: datetime | None) -> dict[str, datetime]:
    bounds = {"$gte": since, "$lt": until}
    return {operator: time for operator, time in bounds.items() if time is not None}


EVERYTHING = EventQuery()
