"""The errors that nerve raises on purpose: one small tree.

Each class fixes the code that clients get in ``extensions.code``. A message says what happened,
to what, and what to do about it; it never contains a secret.
"""

from __future__ import annotations

from typing import Any, ClassVar

from domain.kernel.names import client_name
from domain.kernel.obstacles import Obstacle


class NerveError(Exception):
    """Base of all errors. `code` is part of the API: clients branch on it, never on the text."""

    code: ClassVar[str] = "INTERNAL"

    def details(self) -> dict[str, Any]:
        """Return what clients get in addition to code and message, as JSON values."""
        return {}


class DeclarationError(NerveError):
    """A context, view or event has a wrong declaration; raised at start-up, never at run time."""


class ConfigurationError(NerveError):
    """nerve cannot start with this configuration; the message is the only sentence that the user reads."""


class ContextFault(NerveError):
    """The code of a context raised or returned something wrong, and its author has to correct it.

    Clients of `nerve serve` do not get the message. It names class and location, and never contains data of a
    command or an event. The exception of the code, if any, is the `__cause__`. `is_logged` is True once its
    traceback was written to the terminal.
    """

    is_logged = False


class DataKey(str):
    """A key of JSON data in a path. It is shown unchanged; names of fields are shown in their API form."""

    __slots__ = ()


class ValidationFailed(NerveError):
    """Input has a wrong shape or value. `path` leads to the wrong value, outermost step first."""

    code = "VALIDATION_FAILED"

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.path = path

    def details(self) -> dict[str, Any]:
        return {"path": list(self.path)}


class NotFound(NerveError):
    """A stream, row or operation that the request names does not exist."""

    code = "NOT_FOUND"


class PersistedQueryNotFound(NotFound):
    """A request names a document by its hash that was never sent; the client has to send it once."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        # Clients look for exactly this text.
        super().__init__("PersistedQueryNotFound")


class NotTrusted(NerveError):
    """A document is not on the list of trusted documents."""

    code = "FORBIDDEN"


class OutsideLog(NotFound):
    """A requested position or time is before the beginning of the log, or after its end."""


class InvariantViolated(NerveError):
    """A rule of the domain refuses a command; nothing was stored."""

    code = "INVARIANT_VIOLATED"


class AlreadyExists(InvariantViolated):
    """The stream that a command is to create exists already."""


class PersonalDataRefused(InvariantViolated):
    """Personal data cannot be encrypted: its subject was erased, or no master key is configured.

    `erased` is the subject that was erased.
    """

    def __init__(self, message: str, erased: str | None = None) -> None:
        super().__init__(message)
        self.erased = erased


class ConcurrencyConflict(NerveError):
    """A stream is not at the expected version, because of another append; nothing was stored."""

    code = "CONCURRENCY_CONFLICT"

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(
            f"{stream} is at version {actual}, not at the expected version {expected}; "
            "load it again and decide again"
        )
        self.stream = stream
        self.expected = expected
        self.actual = actual

    def details(self) -> dict[str, Any]:
        return {"stream": self.stream, "expectedVersion": self.expected, "version": self.actual}


class StaleRead(NerveError):
    """A view did not reach the requested position in time. `lag` is the number of missing positions.

    Clients do not get the `lag`: the missing positions may be those of other tenants.
    """

    code = "STALE_READ"

    def __init__(self, view: str, lag: int, obstacle: Obstacle = Obstacle.BEHIND) -> None:
        self.view = client_name(view)
        super().__init__(f"the view {self.view!r} has not reached the requested position: {obstacle.value}")
        self.lag = lag
        self.obstacle = obstacle

    def details(self) -> dict[str, Any]:
        return {"view": self.view, "reason": self.obstacle.name}


class RowParked(NerveError):
    """A view could not fold an event that a reader waited for; the event is parked as a dead letter.

    `letter` is the dead letter's id. The event that failed has this `version` in `stream`: it and all later
    events of that stream are missing in `row`, which is None if the rows of the event are unknown.
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
    """A view's rows lack a field until a rebuild has finished; `events` of `total` events are folded.

    `view` and `field` are names of the API; `state` describes the progress of the rebuild.
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
    """No index serves a query, and the view is too large for a scan. `remedy` is what the client can do."""

    code = "NOT_INDEXED"

    def __init__(self, view: str, remedy: str) -> None:
        self.view = client_name(view)
        super().__init__(f"no index of {self.view} serves this query, and there are too many rows: {remedy}")
        self.remedy = remedy

    def details(self) -> dict[str, Any]:
        return {"view": self.view, "remedy": self.remedy}


class Unauthenticated(NerveError):
    """The caller is unknown: credentials are missing, wrong or expired."""

    code = "UNAUTHENTICATED"


class Forbidden(NerveError):
    """The caller does not have the right, or has lost it."""

    code = "FORBIDDEN"


class CommandIdReused(NerveError):
    """A command id was used before for another command, or for the same command with other content.

    `position` is that of the first command's receipt, for internal use; clients get `sealed_position`.
    """

    code = "COMMAND_ID_REUSED"

    def __init__(
        self, command_id: str, name: str, stream: str, position: int, sealed_position: str | None = None
    ) -> None:
        super().__init__(
            f"the command id {command_id!r} was used before, by {name} on {stream} with other content; "
            "nothing was stored now. Use a new id for each command, and the same one only to send it again"
        )
        self.command_id = command_id
        self.name = name
        self.stream = stream
        self.position = position
        self.sealed_position = sealed_position

    def details(self) -> dict[str, Any]:
        return {"commandId": self.command_id, "stream": self.stream, "position": self.sealed_position}


class CommandIdTaken(NerveError):
    """Another caller has used the command id. The message says nothing of that command."""

    code = CommandIdReused.code

    def __init__(self, command_id: str) -> None:
        super().__init__(
            f"the command id {command_id!r} was used before; nothing was stored now. Use a new id for each "
            "command, such as a UUID"
        )


class Unavailable(NerveError):
    """A server that nerve needs did not answer in time. Sending the same command id again is safe."""

    code = "UNAVAILABLE"


class UntrustedCertificate(Unavailable):
    """The TLS certificate of a server that nerve needs is not signed by an authority that it trusts."""


class SegmentUnreadable(Unavailable):
    """A segment of the archive is missing or was changed; its commits are unavailable until it is back."""

    def __init__(self, segment: int, name: str, reason: str) -> None:
        super().__init__(f"segment {segment} of the archive ({name}) cannot be read: {reason}")
        self.segment = segment


class ReadOnlyValue(NerveError, TypeError):
    """Code tried to change a shared value in place. The message says what to do instead."""


class UnfitValue(NerveError):
    """A value is not of its declared type, or cannot be stored. `path` leads to it from the class `owner`.

    The message never contains the value or the key of a dict, which may be personal.
    """

    def __init__(self, reason: str, path: tuple[str | int, ...] = (), owner: str = "") -> None:
        super().__init__(reason, path, owner)
        self.reason = reason
        self.path = path
        self.owner = owner

    def at(self, *steps: str | int, owner: str = "") -> UnfitValue:
        """Return the error with these steps before its path; `owner`, if given, declares the first one."""
        return UnfitValue(self.reason, (*steps, *self.path), owner or self.owner)

    def __str__(self) -> str:
        place = self.owner
        for step in self.path:
            key = "…" if isinstance(step, DataKey) else step if isinstance(step, int) else None
            place += f".{step}" if key is None else f"[{key}]"
        return f"{place.removeprefix('.')}: {self.reason}" if place else self.reason
