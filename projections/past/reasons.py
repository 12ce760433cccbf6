"""Why a field of a row has its value: the event that set it, and the events that caused that event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from domain.kernel import RecordedEvent
from eventstore.log import EventLog
from eventstore.reading.event_query import EventQuery
from projections.storage.row_events import Budget


class Reason(NamedTuple):
    """The event that set a value, and the value before it; None if the row did not exist.

    `causes` are the events that led to it, the nearest first, back to an event without a cause.
    """

    event: RecordedEvent
    before: Any
    value: Any
    causes: Sequence[RecordedEvent]


async def causes_of(log: EventLog, tenant: str, event: RecordedEvent, budget: Budget) -> list[RecordedEvent]:
    """Return the events that led to an event, by causation ids, the nearest first.

    A causation id is the id of an event, or of a command, which stands for its first event. Only events with
    the same correlation id are read. Raises TooComplex and Unavailable.
    """
    causation, causes = event.commit.causation, list[RecordedEvent]()
    by_id = {} if causation is None else await _correlated(log, tenant, event, budget)
    seen = {event.id}
    while causation is not None and (cause := by_id.get(causation)) is not None and cause.id not in seen:
        causes.append(cause)
        seen.add(cause.id)
        causation = cause.commit.causation
    return causes


async def _correlated(
    log: EventLog, tenant: str, event: RecordedEvent, budget: Budget
) -> dict[str, RecordedEvent]:
    """Return the earlier events with the event's correlation id, by the ids of events and of commands."""
    by_id: dict[str, RecordedEvent] = {}
    query, position = EventQuery(correlation=event.commit.correlation), 0
    while events := await log.search(tenant, query, position, log.options.search_page, before=event.position):
        budget.spend(len(events))
        for earlier in events:
            by_id[earlier.id] = earlier
            by_id.setdefault(earlier.commit.command_id, earlier)
        position = events[-1].position
    return by_id
