"""Poison: events that cannot be folded, and where they and what follows them wait. Pure.

An event is parked in the row that it touches: `_parked` of the stored row names it, and later events of its
stream are left out of this row until it is retried or dropped. An event of which it cannot be told which
rows it touches is parked by itself, in a row of its own that no query finds.
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
"""What is raised of a row that BSON has no form for."""

MAX_ROW_BYTES = 16_000_000
"""Of a row as it is stored; MongoDB's own limit for a document is a little higher."""


MAX_IDS = 10_000
"""Rows that one event may touch."""

MAX_ID_LENGTH = 1_000
"""Characters of a row's id."""


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


def failed(view: View[Any], error: BaseException) -> Failure:
    """What a view's function raised. What says more of the process than of the event is raised on.

    Of a KeyError the key is named only if it is a field of the row: another key may be data of the event.
    """
    if isinstance(error, MemoryError):
        raise error
    failure = describe_exception(error)
    if type(error) is KeyError and error.args and error.args[0] in view.row.__annotations__:
        return failure._replace(detail=f"{failure.detail}: there is no key {error.args[0]!r}")
    return failure


def wrong_row(view: View[Any], error: WrongRow) -> Failure:
    """Why what a view's fold returned is no row of it."""
    place = definition_location(view.apply)
    return Failure("wrong row", f"the fold of {view.name} returned {error} ({place})")


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
        raise Unavailable(f"{stops}: {describe_unreadable(event)}")
    return Failure(event.unreadable.cause.value, event.unreadable.detail)


def row_ids(view: View[Any], event: RecordedEvent) -> Iterable[str] | Failure:
    """The ids of the rows that the event touches, each once, or why that cannot be told.

    Of an event that cannot be read it is known only where rows are told by the stream. Raises Unavailable
    as `unreadable`.
    """
    if view.key is by_stream:
        return (event.stream,)
    if (failure := unreadable(view, event)) is not None:
        return failure
    try:
        return _checked_ids(view.key(event))
    except WrongIds as error:
        place = definition_location(view.key)
        return Failure("wrong key", f"the key of {view.name} returned {error} ({place})")
    except CALL_FAULTS as error:
        return failed(view, error)


class WrongIds(Exception):
    """What the key of a view returned are no ids; the text says why, without what they are."""


def _checked_ids(returned: Any) -> Iterable[str]:
    """Each id once. Raises WrongIds."""
    if type(returned) is tuple and (not returned or (len(returned) == 1 and _is_plain_id(returned[0]))):
        return returned
    if iscoroutine(returned):
        returned.close()
        raise WrongIds("a coroutine: write `def`, not `async def`")
    if isinstance(returned, str):
        raise WrongIds(
            "a text, whose letters would be the ids: return a tuple with it, as in (event.stream,)"
        )
    if isinstance(returned, bytes) or not isinstance(returned, Iterable):
        name = "None" if returned is None else f"a value of class {type(returned).__name__}"
        raise WrongIds(f"{name}: return a tuple of ids, () where the event touches no row")
    ids = list(islice(returned, MAX_IDS + 1))
    if len(ids) > MAX_IDS:
        raise WrongIds(f"more than {MAX_IDS} ids for one event")
    return dict.fromkeys(one if _is_plain_id(one) else _checked_id(one) for one in ids)


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


def alone(tenant: str, event: EventName) -> tuple[str, str]:
    """Tenant and id of the row in which an event is parked by itself: no tenant's name holds a slash."""
    return f"/{tenant}", f"{event.stream}@{event.version}"
