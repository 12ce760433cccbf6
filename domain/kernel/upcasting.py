"""Upcasters: the old shapes of stored events become the newest one, step by step, when they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from domain.kernel.errors import DeclarationError, UnfitValue
from domain.kernel.event import Cause, Event, Unreadable
from domain.kernel.event_data import validated
from domain.kernel.faults import FAULTS, fault, misfit
from domain.kernel.places import definition_place, user_place

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Upcaster:
    """Leads the stored data of `type` from `revision` to the next one.

    `function` is pure: it returns new data, does not change its argument, and depends on nothing else. It
    gets data in its stored form: the BSON column of docs/types.md, so a Decimal is a Decimal128 and a date a
    text. A field that was None may be missing, and an erased personal field is None. What it returns may hold
    the stored form or Python values of the declared types.
    """

    type: str
    revision: int
    function: Callable[[Data], Data]


def upcaster(type: str, revision: int) -> Callable[[Callable[[Data], Data]], Upcaster]:
    """Declares a function as an `Upcaster`: ``@upcaster("task.created", 1)`` leads from 1 to 2."""
    return lambda function: Upcaster(type, revision, function)


def chain(event: type[Event], upcasters: Iterable[Upcaster]) -> tuple[Upcaster, ...]:
    """The upcasters of one type in order: the first leads from revision 1, the last to the newest.

    Raises DeclarationError where a step is missing, is there twice, or leads beyond the newest revision.
    """
    steps: dict[int, Upcaster] = {}
    for step in upcasters:
        if not 1 <= step.revision < event.revision:
            raise DeclarationError(
                f"an upcaster of {event.type!r} leads from revision {step.revision}, but "
                f"{event.__name__} is at revision {event.revision}"
            )
        if step.revision in steps:
            raise DeclarationError(f"two upcasters of {event.type!r} lead from revision {step.revision}")
        steps[step.revision] = step
    missing = [revision for revision in range(1, event.revision) if revision not in steps]
    if missing:
        raise DeclarationError(
            f"{event.__name__} is at revision {event.revision}, but no upcaster of {event.type!r} leads from "
            f"revision {missing[0]}"
        )
    return tuple(steps[revision] for revision in range(1, event.revision))


def upcast(event: type[Event], steps: Sequence[Upcaster], revision: int, data: Data) -> Event | Unreadable:
    """Stored data of any revision but the newest as its class; `steps` as `chain` gives them.

    What is wrong is told by place and kind only: the text of an error may hold the data.
    """
    if revision > event.revision:
        known = f"this process knows up to {event.revision}; send it to a newer one"
        return Unreadable(Cause.NEWER_REVISION, known)
    if revision < 1:
        return Unreadable(Cause.UPCASTER_FAILED, "revisions count from 1")
    for step in steps[revision - 1 :]:
        try:
            data = step.function(MappingProxyType(data))
        except FAULTS as error:
            failed = fault(error).text(f"the upcaster from revision {step.revision}", user_place(error))
            return Unreadable(Cause.UPCASTER_FAILED, failed)
        if not isinstance(data, Mapping):
            returned = f"a value of class {type(data).__name__} ({definition_place(step.function)})"
            failed = f"the upcaster from revision {step.revision} returned {returned}; it must return a dict"
            return Unreadable(Cause.UPCASTER_FAILED, failed)
    try:
        return validated(event, data)
    except (UnfitValue, ValidationError, TypeError, ValueError) as error:
        return Unreadable(Cause.DOES_NOT_FIT, f"upcast to revision {event.revision}, {_misfit(error)}")


def _misfit(error: Exception) -> str:
    if isinstance(error, UnfitValue):
        return str(error)
    return misfit(error) if isinstance(error, ValidationError) else "it is no mapping"
