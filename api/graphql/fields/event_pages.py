"""Pages of events between two places of the log, read forwards or backwards."""

from __future__ import annotations

from typing import NamedTuple

from api.graphql.execution.request_context import RequestContext
from domain.kernel import RecordedEvent
from eventstore.place import Place
from eventstore.reading.event_query import EventQuery


class EventWindow(NamedTuple):
    """The places behind `low` and before `high`; None stands for no bound."""

    low: Place | None
    high: Place | None

    def contains(self, event: RecordedEvent) -> bool:
        """Return whether the event is in the window."""
        place = Place(event.position, event.place)
        return (self.low is None or place > self.low) and (self.high is None or place < self.high)

    def beyond(self, *, backward: bool) -> EventWindow | None:
        """Return the window on the other side of the bound where a page starts; None without that bound."""
        if backward:
            return None if self.high is None else EventWindow(self.high.before(), None)
        return None if self.low is None else EventWindow(None, Place(self.low.position, self.low.index + 1))


def open_window(after: str | None, before: str | None, context: RequestContext) -> EventWindow:
    """Return the window between two cursors or positions; raises ValidationFailed at ``after`` or ``before``.

    A position without an index stands for a whole commit, which the window excludes.
    """
    low = None if after is None else context.open(after, "after")
    high = None if before is None else context.open(before, "before")
    if high is not None and high == Place(high.position):
        high = Place(high.position, 0)
    return EventWindow(low, high)


async def read_events(
    context: RequestContext, query: EventQuery, window: EventWindow, limit: int, *, backward: bool = False
) -> list[RecordedEvent]:
    """Return the first events in the window, or with `backward` the last: `limit` or more, or all."""
    search, tenant = context.runtime.log.search, context.scope.tenant
    low = 0 if window.low is None else window.low.position - 1
    high = None if window.high is None else window.high.position + 1
    # The commit at a bound has events outside the window, mostly one.
    size = limit + (window.low is not None) + (window.high is not None)
    events: list[RecordedEvent] = []
    while len(events) < limit:
        page = await search(tenant, query, low, size, before=high, backward=backward)
        inside = filter(window.contains, page)
        events = [*inside, *events] if backward else [*events, *inside]
        if len(page) < size:
            break
        if backward:
            high = page[0].position
        else:
            low = page[-1].position
    return events


async def any_event(context: RequestContext, query: EventQuery, window: EventWindow) -> bool:
    """Return whether there is an event in the window."""
    return bool(await read_events(context, query, window, 1, backward=window.low is None))
