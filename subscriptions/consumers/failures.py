"""The failures of a durable consumer, which are kept with its partition until it makes progress."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from domain.kernel.code_locations import user_location
from domain.kernel.errors import Unavailable
from domain.kernel.faults import fault


class Failure(NamedTuple):
    """Why something failed: the name of the error, and a detail without any event's data."""

    error: str
    detail: str


class FailedAttempt(NamedTuple):
    """A failure, and its time by the server's clock."""

    failure: Failure
    at: datetime


class FailureHistory(NamedTuple):
    """Failed attempts in a row: their number, the first and the last one."""

    tries: int
    first: FailedAttempt
    last: FailedAttempt

    @classmethod
    def from_document(cls, stored: Mapping[str, Any]) -> FailureHistory:
        """Read what `failure_update` keeps with a partition."""
        return cls(stored["tries"], _attempt(stored["first"]), _attempt(stored["last"]))


def describe_exception(error: BaseException) -> Failure:
    """Return the error's name and the line of the user's code that raised it.

    The error's text is left out, because it may contain an event's data.
    """
    what, place = fault(error), user_location(error)
    return Failure(what.kind, what.text("", place) if what.why else f"raised at {place}")


def describe_failure(error: Exception) -> Failure:
    """Return what `describe_exception` does; for Unavailable its text, which contains no event's data."""
    if isinstance(error, Unavailable):
        return Failure(type(error).__name__, str(error))
    return describe_exception(error)


def failure_update(path: str, failure: Failure) -> list[Mapping[str, Any]]:
    """Return the update that adds a failed attempt to the partition at `path`."""
    new = {**{name: {"$literal": text} for name, text in failure._asdict().items()}, "at": "$$NOW"}
    tries = {"$add": [{"$ifNull": [f"${path}.failing.tries", 0]}, 1]}
    first = {"$ifNull": [f"${path}.failing.first", new]}
    return [{"$set": {f"{path}.failing": {"tries": tries, "first": first, "last": new}}}]


def _attempt(stored: Mapping[str, Any]) -> FailedAttempt:
    return FailedAttempt(Failure(stored["error"], stored["detail"]), stored["at"])
