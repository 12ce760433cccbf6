"""Why a field of a row has its value: the event that set it, and what led there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from domain.kernel import RecordedEvent
from eventstore.log import EventLog
from eventstore.reading.event_query import EventQuery
from projections.storage.row_events import EVENTS_AT_ONCE, Budget


class Reason(NamedTuple):
    """The event that set the value, and the value before it, None where the row was not there.

    `causes` are the events that led to it, the nearest one first, back to the one that nothing has caused.
    """

    event: RecordedEvent
    before: Any
    value: Any
    causes: Sequence[RecordedEvent]


async def causes_of(log: EventLog, tenant: str, event: RecordedEvent, budget: Budget) -> list[RecordedEvent]:
    """The events that led to an event, by its commit's causation, theirs, and so on; the nearest one first.

    A causation is the id of an event, or of a command: then it is the first event of that. Only what has the
    same correlation is looked at. Raises TooComplex and Unavailable.
    """
    cause, found = event.commit.causation, []
    known = {} if cause is None else await _related(log, tenant, event, budget)
    seen = {event.id}
    while cause is not None and (nearest := known.get(cause)) is not None and nearest.id not in seen:
        found.append(nearest)
        seen.add(nearest.id)
        cause = nearest.commit.causation
    return found


async def _related(
    log: EventLog, tenant: str, event: RecordedEvent, budget: Budget
) -> dict[str, RecordedEvent]:
    """What has the event's correlation and was there before it, by the ids of events and of commands."""
    known: dict[str, RecordedEvent] = {}
    query, position = EventQuery(correlation=event.commit.correlation), 0
    while events := await log.search(tenant, query, position, EVENTS_AT_ONCE, before=event.position):
        budget.spend(len(events))
        for earlier in events:
            known[earlier.id] = earlier
            known.setdefault(earlier.commit.command_id, earlier)
        position = events[-1].position
    return known
