"""Poison: events that cannot be folded, and where they and what follows them wait. Pure.

An event is parked in the row that it touches: `_parked` of the stored row names it, and later events of its
stream are left out of this row until it is retried or dropped. An event of which it cannot be told which
rows it touches is parked by itself, in a row of its own that no query finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import bson

from domain.kernel import Cause, RecordedEvent
from domain.kernel.errors import Unavailable
from projections.view import View, by_stream
from subscriptions.consuming.failing import Failure, raised

UNSTORABLE = (bson.errors.BSONError, OverflowError, UnicodeEncodeError)
"""What is raised of a row that BSON has no form for."""

MAX_ROW_BYTES = 16_000_000
"""Of a row as it is stored; MongoDB's own limit for a document is a little higher."""


class EventName(NamedTuple):
    """What tells an event from all others of its tenant."""

    stream: str
    version: int


class Parked(NamedTuple):
    """An event that waits, in the form in which its row is stored; `place` is its place in its commit."""

    stream: str
    version: int
    position: int
    place: int

    @property
    def name(self) -> EventName:
        return EventName(self.stream, self.version)


def letter_id(view: str, row: str | None, event: EventName) -> str:
    """The id of a dead letter, unique for its tenant. `row` is None where the event's rows are not known."""
    return f"{view}/{row or ''}/{event.stream}@{event.version}"


def parked_in(stored: Mapping[str, Any]) -> list[Parked]:
    """The events that wait in a stored row."""
    return [Parked(**parked) for parked in stored.get("_parked", ())]


def failed(error: Exception) -> Failure:
    """What a view's function raised. What says more of the process than of the event is raised on."""
    if isinstance(error, MemoryError):
        raise error
    return raised(error)


def encode(row: Mapping[str, Any]) -> bytes:
    """The row as MongoDB stores it; raises one of `UNSTORABLE` where it cannot."""
    encoded: bytes = bson.encode(row)
    if len(encoded) > MAX_ROW_BYTES:
        raise OverflowError(f"a row may have {MAX_ROW_BYTES} bytes")
    return encoded


def unstorable(row: Mapping[str, Any] | None) -> Failure | None:
    """Why a row cannot be stored, None where it can be."""
    try:
        encode(row or {})
    except UNSTORABLE as error:
        return Failure(type(error).__name__, "the row as it would be is beyond what MongoDB stores")
    return None


def unreadable(view: View[Any], event: RecordedEvent) -> Failure | None:
    """Why the event cannot be read, None where it can be.

    Raises Unavailable where it is this process that cannot, for want of a key: the event is as good as any.
    """
    if event.payload is not None:
        return None
    assert event.unreadable is not None
    if event.unreadable.cause is Cause.LOCKED:
        stops = f"the view {view.name!r} stops before position {event.position}"
        raise Unavailable(f"{stops}: {event.why_unreadable()}")
    return Failure(event.unreadable.cause.value, event.unreadable.detail)


def row_ids(view: View[Any], event: RecordedEvent) -> Iterable[str] | Failure:
    """The ids of the rows that the event touches, each once, or why that cannot be told.

    Of an event that cannot be read it is known only where rows are told by the stream. Raises Unavailable
    as `unreadable`.
    """
    if view.key is not by_stream and (failure := unreadable(view, event)) is not None:
        return failure
    try:
        return dict.fromkeys(view.key(event))
    except Exception as error:
        return failed(error)


def alone(tenant: str, event: EventName) -> tuple[str, str]:
    """Tenant and id of the row in which an event is parked by itself: no tenant's name holds a slash."""
    return f"/{tenant}", f"{event.stream}@{event.version}"
