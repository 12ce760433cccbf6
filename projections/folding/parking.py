"""Poison events: why an event cannot be folded, and in which row it is parked. Pure.

An event is parked in the row that it touches: `_parked` of the stored row names it, and later events of its
stream are left out of this row until it is retried or dropped. If the rows that an event touches cannot be
determined, it is parked alone, in a row of its own that no query finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import iscoroutine
from itertools import islice
from typing import Any, NamedTuple

import bson

from domain.kernel import Cause, RecordedEvent
from domain.kernel.code_locations import definition_location
from domain.kernel.errors import Unavailable
from domain.kernel.unreadable import describe_unreadable
from domain.kernel.user_exceptions import CALL_FAULTS
from projections.folding.row_codec import WrongRow
from projections.kernel import View, by_stream
from subscriptions.consumers.failures import Failure, describe_exception

UNSTORABLE = (bson.errors.BSONError, OverflowError, UnicodeEncodeError)
"""The errors that are raised for a row that cannot be encoded as BSON."""

MAX_ROW_BYTES = 16_000_000
"""Bytes that a stored row may have; MongoDB's own limit for a document is a little higher."""

MAX_IDS = 10_000
"""Rows that one event may touch."""

MAX_ID_LENGTH = 1_000
"""Characters of a row's id."""


class EventName(NamedTuple):
    """The stream and version of an event, which identify it within its tenant."""

    stream: str
    version: int


class ParkedEvent(NamedTuple):
    """A parked event as its row stores it; `place` is its place in its commit."""

    stream: str
    version: int
    position: int
    place: int

    @property
    def name(self) -> EventName:
        return EventName(self.stream, self.version)


def letter_id(view: str, row: str | None, event: EventName) -> str:
    """Return the id of a dead letter, unique in its tenant. `row` is None if the event's rows are unknown."""
    return f"{view}/{row or ''}/{event.stream}@{event.version}"


def parked_in(stored: Mapping[str, Any]) -> list[ParkedEvent]:
    """Return the events that are parked in a stored row."""
    return [ParkedEvent(**parked) for parked in stored.get("_parked", ())]


def view_failure(view: View[Any], error: BaseException) -> Failure:
    """Return the failure for an error that a view's function raised; a MemoryError is raised again.

    The key of a KeyError is named only if it is a field of the row: another key can be data of the event.
    """
    if isinstance(error, MemoryError):
        raise error
    failure = describe_exception(error)
    if type(error) is KeyError and error.args and error.args[0] in view.row.__annotations__:
        return failure._replace(detail=f"{failure.detail}: there is no key {error.args[0]!r}")
    return failure


def wrong_row_failure(view: View[Any], error: WrongRow) -> Failure:
    """Return the failure for a value that a view's fold returned and that is no row of the view."""
    place = definition_location(view.apply)
    return Failure("wrong row", f"the fold of {view.name} returned {error} ({place})")


def encode(row: Mapping[str, Any]) -> bytes:
    """Return the row as BSON. Raises one of `UNSTORABLE` if it cannot be stored."""
    encoded: bytes = bson.encode(row)
    if len(encoded) > MAX_ROW_BYTES:
        raise OverflowError(f"a row may have {MAX_ROW_BYTES} bytes")
    return encoded


def storage_failure(row: Mapping[str, Any] | None) -> Failure | None:
    """Return why a row cannot be stored; None if it can be."""
    try:
        encode(row or {})
    except UNSTORABLE as error:
        return Failure(type(error).__name__, "MongoDB cannot store the row that the event would produce")
    return None


def read_failure(view: View[Any], event: RecordedEvent) -> Failure | None:
    """Return why the event cannot be read; None if it can be.

    Raises Unavailable if only this process cannot read it, because it lacks a key: the event is no poison.
    """
    if event.payload is not None:
        return None
    assert event.unreadable is not None
    if event.unreadable.cause is Cause.LOCKED:
        stop = f"the view {view.name!r} stops before position {event.position}"
        raise Unavailable(f"{stop}: {describe_unreadable(event)}")
    return Failure(event.unreadable.cause.value, event.unreadable.detail)


def row_ids(view: View[Any], event: RecordedEvent) -> Iterable[str] | Failure:
    """Return the distinct ids of the rows that the event touches, or why they cannot be determined.

    The rows of an unreadable event are known only if the view is keyed by stream. Raises Unavailable as
    `read_failure`.
    """
    if view.key is by_stream:
        return (event.stream,)
    if (failure := read_failure(view, event)) is not None:
        return failure
    try:
        return _checked_ids(view.key(event))
    except WrongIds as error:
        place = definition_location(view.key)
        return Failure("wrong key", f"the key of {view.name} returned {error} ({place})")
    except CALL_FAULTS as error:
        return view_failure(view, error)


class WrongIds(Exception):
    """The key of a view returned values that are no ids; the text says why, without the values."""


def _checked_ids(returned: Any) -> Iterable[str]:
    """Return each id once. Raises WrongIds."""
    if type(returned) is tuple and (not returned or (len(returned) == 1 and _is_plain_id(returned[0]))):
        return returned
    if iscoroutine(returned):
        returned.close()
        raise WrongIds("a coroutine: write `def`, not `async def`")
    if isinstance(returned, str):
        raise WrongIds(
            "a text, whose characters would be the ids: return a tuple with it, as in (event.stream,)"
        )
    if isinstance(returned, bytes) or not isinstance(returned, Iterable):
        name = "None" if returned is None else f"a value of class {type(returned).__name__}"
        raise WrongIds(f"{name}: return a tuple of ids, () where the event touches no row")
    ids = list(islice(returned, MAX_IDS + 1))
    if len(ids) > MAX_IDS:
        raise WrongIds(f"more than {MAX_IDS} ids for one event")
    return dict.fromkeys(row_id if _is_plain_id(row_id) else _checked_id(row_id) for row_id in ids)


def _is_plain_id(id: Any) -> bool:
    return type(id) is str and 0 < len(id) <= MAX_ID_LENGTH and id.isascii() and "\0" not in id


def _checked_id(id: Any) -> str:
    if not isinstance(id, str):
        raise WrongIds(f"an id of class {type(id).__name__}: an id is a text")
    text: str = str.__str__(id)
    if not text:
        raise WrongIds("an empty id")
    if len(text) > MAX_ID_LENGTH:
        raise WrongIds(f"an id of more than {MAX_ID_LENGTH} characters")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise WrongIds("an id with a NUL or half of a surrogate pair, which no id may have")
    return text


def parking_row(tenant: str, event: EventName) -> tuple[str, str]:
    """Return the tenant and id of the row in which an event is parked alone.

    The row belongs to no tenant that exists, because no tenant's name contains a slash.
    """
    return f"/{tenant}", f"{event.stream}@{event.version}"
