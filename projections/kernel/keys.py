"""Keys of views: which rows an event concerns. Pure."""

from __future__ import annotations

from domain.kernel import RecordedEvent


def by_stream(event: RecordedEvent) -> tuple[str, ...]:
    """Return the id of the event's stream: the view has one row for each stream."""
    return (event.stream,)
