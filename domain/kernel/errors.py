"""Every error that nerve raises on purpose: one small tree.

Each class fixes the code a client sees in ``extensions.code``. A message says what happened,
to what, and what to do about it; it never carries a secret.
"""

from __future__ import annotations

from typing import Any, ClassVar

from domain.kernel.names import client_name
from domain.kernel.obstacles import Obstacle


class NerveError(Exception):
    """Base of the tree. `code` is part of the API: clients branch on it, never on the text."""

    code: ClassVar[str] = "INTERNAL"

    def details(self) -> dict[str, Any]:
        """What a client gets beside the code and the message; JSON-ready."""
        return {}


class DeclarationError(NerveError):
    """A context, view or event is declared wrongly; raised at start-up, never at run time."""


class ConfigurationError(NerveError):
    """nerve cannot start as configured; the message is the one sentence a user reads."""


class ContextFault(NerveError):
    """The code of a context raised or returned what it must not: its author has to correct it.

    Clients of `nerve serve` see none of it. The message names class and place, and never holds data of a
    command or an event. What the code raised, if anything, is the `__cause__`. `is_logged` says that its
    traceback was written to the terminal.
    """

    is_logged = False


class DataKey(str):
    """A key of JSON data in a path: shown as it is, where names of fields are shown as the API has them."""

    __slots__ = ()


class ValidationFailed(NerveError):
    """Input has a wrong shape or value. `path` leads to the offending place, outermost first."""

    code = "VALIDATION_FAILED"

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.path = path

    def details(self) -> dict[str, Any]:
        return {"path": list(self.path)}


class NotFound(NerveError):
    """A stream, entity or operation that the request names does not exist."""

    code = "NOT_FOUND"


class PersistedQueryNotFound(NotFound):
    """A document is named that was not sent yet; send it, with its name."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        # Clients look for this very text.
        super().__init__("PersistedQueryNotFound")


class NotTrusted(NerveError):
    """An operation is not on the list of those that are run."""

    code = "FORBIDDEN"


class OutsideLog(NotFound):
    """The log does not hold the point in time that is asked for: it is before its beginning, or to come."""


class InvariantViolated(NerveError):
    """A rule of the domain refuses the command; nothing was stored."""

    code = "INVARIANT_VIOLATED"


class AlreadyExists(InvariantViolated):
    """The stream that a command would create exists."""


class PersonalDataRefused(InvariantViolated):
    """Personal data cannot be sealed: its subject was erased, or there is no master key."""


class ConcurrencyConflict(NerveError):
    """Another append took the version this one expected; nothing was stored."""

    code = "CONCURRENCY_CONFLICT"

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(
            f"{stream} is at version {actual}, not at the expected version {expected}; "
            "load it again and decide anew"
        )
        self.stream = stream
        self.expected = expected
        self.actual = actual

    def details(self) -> dict[str, Any]:
        return {"stream": self.stream, "expectedVersion": self.expected, "version": self.actual}


class StaleRead(NerveError):
    """A view did not reach the wanted position in time. `lag` counts the positions missing."""

    code = "STALE_READ"

    def __init__(self, view: str, lag: int, obstacle: Obstacle = Obstacle.BEHIND) -> None:
        self.view = client_name(view)
        super().__init__(
            f"the view {self.view!r} does not have what was asked for yet, {lag} positions are missing: "
            f"{obstacle.value}"
        )
        self.lag = lag
        self.obstacle = obstacle

    def details(self) -> dict[str, Any]:
        return {"view": self.view, "lag": self.lag, "reason": self.obstacle.name}


class RowParked(NerveError):
    """A view could not fold an event that a reader waited for. It waits as a dead letter.

    `letter` is the dead letter's id. `version` of `stream` is the event that failed: it, and all later events
    of that stream, are missing in `row`, which is None where the event's rows are not known.
    """

    code = "PARKED"

    def __init__(self, view: str, row: str | None, stream: str, version: int, letter: str) -> None:
        self.view = client_name(view)
        super().__init__(
            f"the view {self.view!r} could not fold version {version} of {stream}; the event is stored, and "
            f"waits as the dead letter {letter!r} with all later ones of its stream: correct the view, then "
            "retry the dead letter, or drop it"
        )
        self.row = row
        self.stream = stream
        self.version = version
        self.letter = letter

    def details(self) -> dict[str, Any]:
        named = {"view": self.view, "row": self.row, "stream": self.stream, "version": self.version}
        return {"deadLetterId": self.letter, **named}


class ViewRebuilding(NerveError):
    """A view's rows lack a field until they are rebuilt, of which `events` of `total` events are done.

    `view` and `field` are named as clients know them; `state` says what the rebuild does.
    """

    code = "VIEW_REBUILDING"

    def __init__(self, view: str, field: str, state: str, events: int, total: int) -> None:
        super().__init__(f"the rows of {view} have no {field!r} yet: {state}")
        self.view = view
        self.field = field
        self.events = events
        self.total = total

    def details(self) -> dict[str, Any]:
        return {"view": self.view, "field": self.field, "events": self.events, "total": self.total}


class NotIndexed(NerveError):
    """No index serves a query, and the view is too large to be looked through. `remedy` says what would."""

    code = "NOT_INDEXED"

    def __init__(self, view: str, remedy: str) -> None:
        self.view = client_name(view)
        super().__init__(f"no index of {self.view} serves this query, and there are too many rows: {remedy}")
        self.remedy = remedy

    def details(self) -> dict[str, Any]:
        return {"view": self.view, "remedy": self.remedy}


class TooComplex(NerveError):
    """Answering would cost more than is allowed; ask for less."""

    code = "TOO_COMPLEX"


class TooManyRows(TooComplex):
    """An answer would hold more rows than one may."""

    def __init__(self, most: int) -> None:
        super().__init__(f"a response holds {most} rows at most; ask for smaller pages, or in several")


class Overloaded(NerveError):
    """A bounded queue is full; nothing was stored. Try again with a growing pause."""

    code = "OVERLOADED"


class Unauthenticated(NerveError):
    """Nobody knows who asks: credentials are missing, wrong or have expired."""

    code = "UNAUTHENTICATED"


class Forbidden(NerveError):
    """Who asks may not have this, or not any more."""

    code = "FORBIDDEN"


class RateLimited(NerveError):
    """A client asks for more at a time than one may have; it waits, or ends something first."""

    code = "RATE_LIMITED"


class CommandIdReused(NerveError):
    """A command id was used before for another command, or for the same command with other content.

    `position` is that of the first one's receipt, for the inside; clients get `sealed_position`.
    """

    code = "COMMAND_ID_REUSED"

    def __init__(self, command_id: str, name: str, stream: str, position: int) -> None:
        super().__init__(
            f"the command id {command_id!r} was used before, by {name} on {stream} with other content; "
            "nothing was stored now. Use a new id for each command, and the same one only to send it again"
        )
        self.command_id = command_id
        self.stream = stream
        self.position = position
        self.sealed_position: str | None = None

    def details(self) -> dict[str, Any]:
        return {"commandId": self.command_id, "stream": self.stream, "position": self.sealed_position}


class Unavailable(NerveError):
    """A server nerve needs did not answer in time. Sending the same command id again is safe."""

    code = "UNAVAILABLE"


class SegmentUnreadable(Unavailable):
    """A segment of the archive is missing, or not what was written; its commits wait until it is back."""

    def __init__(self, segment: int, name: str, reason: str) -> None:
        super().__init__(f"segment {segment} of the archive ({name}) cannot be read: {reason}")
        self.segment = segment


class ReadOnlyValue(NerveError, TypeError):
    """A value that may be shared was to be changed in place. The message says what to do instead."""


class UnfitValue(NerveError):
    """A value is not of its declared type, or is one that cannot be stored. `path` leads to it from `owner`.

    The message never holds the value nor the key of a dict, which may be personal.
    """

    def __init__(self, reason: str, path: tuple[str | int, ...] = (), owner: str = "") -> None:
        super().__init__(reason, path, owner)
        self.reason = reason
        self.path = path
        self.owner = owner

    def at(self, *steps: str | int, owner: str = "") -> UnfitValue:
        """The same error seen from further outside, where `owner` declares the first step if it is given."""
        return UnfitValue(self.reason, (*steps, *self.path), owner or self.owner)

    def __str__(self) -> str:
        place = self.owner
        for step in self.path:
            key = "…" if isinstance(step, DataKey) else step if isinstance(step, int) else None
            place += f".{step}" if key is None else f"[{key}]"
        return f"{place.removeprefix('.')}: {self.reason}" if place else self.reason
