"""Reasons why a stored event cannot be read, in words that contain none of its data. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from domain.kernel.code_locations import definition_location, user_location
from domain.kernel.errors import UnfitValue
from domain.kernel.event import Cause, RecordedEvent, Unreadable
from domain.kernel.faults import describe_misfit, fault


def describe_unreadable(event: RecordedEvent) -> str:
    """Return which event cannot be read, where it is, and why. The event must have no payload."""
    assert event.unreadable is not None
    return (
        f"the event {event.type!r} of revision {event.revision} at version {event.version} of "
        f"{event.stream}, position {event.position}, cannot be read ({event.unreadable.cause}): "
        f"{event.unreadable.detail}"
    )


def unknown_type() -> Unreadable:
    """Return the reason of an event whose type no registered context declares."""
    detail = "no registered context has this type; register it, or use a process that knows it"
    return Unreadable(Cause.UNKNOWN_TYPE, detail)


def newer_revision(newest: int) -> Unreadable:
    """Return the reason of an event that was stored at a later revision than the `newest` of this process."""
    return Unreadable(Cause.NEWER_REVISION, f"this process knows up to {newest}; send it to a newer one")


def impossible_revision() -> Unreadable:
    """Return the reason of an event that was stored at a revision below 1."""
    return Unreadable(Cause.UPCASTER_FAILED, "revisions count from 1")


def failed_upcaster(revision: int, error: BaseException) -> Unreadable:
    """Return the reason if an upcaster raised `error`, without its text, which may contain data."""
    return Unreadable(Cause.UPCASTER_FAILED, fault(error).text(_upcaster(revision), user_location(error)))


def wrong_upcast(revision: int, function: Callable[..., Any], returned: object) -> Unreadable:
    """Return the reason if an upcaster returned something other than a mapping."""
    value = f"a value of class {type(returned).__name__} ({definition_location(function)})"
    return Unreadable(Cause.UPCASTER_FAILED, f"{_upcaster(revision)} returned {value}; it must return a dict")


def unfit_upcast(newest: int, error: Exception) -> Unreadable:
    """Return the reason if the data from the last upcaster does not fit the `newest` revision."""
    return Unreadable(Cause.DOES_NOT_FIT, f"upcast to revision {newest}, {_misfit(error)}")


def _upcaster(revision: int) -> str:
    return f"the upcaster from revision {revision}"


def _misfit(error: Exception) -> str:
    if isinstance(error, UnfitValue):
        return str(error)
    return describe_misfit(error) if isinstance(error, ValidationError) else "it is no mapping"
