"""What a durable consumer fails at, and since when: kept with its partition until that comes further."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from domain.kernel.code_locations import user_location
from domain.kernel.errors import Unavailable
from domain.kernel.faults import fault


class Failure(NamedTuple):
    """Why something could not be done: an `error` by its name, and a `detail` without any event's data."""

    error: str
    detail: str


class FailedAttempt(NamedTuple):
    """A failure, and when it was by the server's clock."""

    failure: Failure
    at: datetime


class FailureHistory(NamedTuple):
    """Tries in a row that failed: how many, the first and the last of them."""

    tries: int
    first: FailedAttempt
    last: FailedAttempt

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> FailureHistory:
        """As a partition keeps it."""
        return cls(stored["tries"], _failed(stored["first"]), _failed(stored["last"]))


def describe_exception(error: BaseException) -> Failure:
    """What was raised and at which line of the user's code; its text may hold an event's data."""
    what, place = fault(error), user_location(error)
    return Failure(what.kind, what.text("", place) if what.why else f"raised at {place}")


def describe_failure(error: Exception) -> Failure:
    """As `describe_exception`; for Unavailable also its text, which holds no data of events."""
    return (
        Failure(type(error).__name__, str(error))
        if isinstance(error, Unavailable)
        else describe_exception(error)
    )


def update(path: str, failure: Failure) -> list[Mapping[str, Any]]:
    """The update that adds another failure to a partition at `path`."""
    new = {**{name: {"$literal": text} for name, text in failure._asdict().items()}, "at": "$$NOW"}
    tries = {"$add": [{"$ifNull": [f"${path}.failing.tries", 0]}, 1]}
    first = {"$ifNull": [f"${path}.failing.first", new]}
    return [{"$set": {f"{path}.failing": {"tries": tries, "first": first, "last": new}}}]


def _failed(stored: Mapping[str, Any]) -> FailedAttempt:
    return FailedAttempt(Failure(stored["error"], stored["detail"]), stored["at"])
