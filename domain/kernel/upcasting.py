"""Reading stored events: old revisions are upcast, step by step, to the newest one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from domain.kernel.errors import DeclarationError, UnfitValue
from domain.kernel.event import Cause, Event, Unreadable
from domain.kernel.event_data import validate_data
from domain.kernel.unreadable import (
    failed_upcaster,
    impossible_revision,
    newer_revision,
    unfit_upcast,
    unknown_type,
    wrong_upcast,
)
from domain.kernel.user_exceptions import CALL_FAULTS

Data = Mapping[str, Any]

Reading = tuple[int, Data, Event | None, Unreadable | None]
"""The newest revision of an event, its data and payload in that revision, and the reason if there is none.

A plain tuple, because one is made for each event that is read.
"""


@dataclass(frozen=True, slots=True)
class Upcaster:
    """A step that converts the stored data of `type` from `revision` to the next one.

    `function` is pure: it returns new data, does not change its argument, and depends on nothing else. Its
    argument is data in stored form: the BSON column of docs/types.md, so a Decimal is a Decimal128 and a date
    a text. A field that was None may be missing, and an erased personal field is None. The values that it
    returns may be in stored form or Python values of the declared types.
    """

    type: str
    revision: int
    function: Callable[[Data], Data]


def upcaster(type: str, revision: int) -> Callable[[Callable[[Data], Data]], Upcaster]:
    """Declare a function as an `Upcaster`: ``@upcaster("task.created", 1)`` converts revision 1 to 2."""
    return lambda function: Upcaster(type, revision, function)


def chain(event: type[Event], upcasters: Iterable[Upcaster]) -> tuple[Upcaster, ...]:
    """Return the upcasters of one event in order: the first leads from revision 1, the last to the newest.

    Raises DeclarationError if a step is missing, is declared twice, or leads beyond the newest revision.
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
            f"revision {missing[0]}; write `@upcaster({event.type!r}, {missing[0]})` above a function that "
            "returns the data of the next revision, and list it in Context(..., upcasters=(...,))"
        )
    return tuple(steps[revision] for revision in range(1, event.revision))


def upcast(event: type[Event], steps: Sequence[Upcaster], revision: int, data: Data) -> Event | Unreadable:
    """Return stored data of any older revision as an event of the newest one; `steps` come from `chain`.

    The reason for failure contains places and kinds only, because the text of an error may contain data.
    """
    if revision > event.revision:
        return newer_revision(event.revision)
    if revision < 1:
        return impossible_revision()
    for step in steps[revision - 1 :]:
        try:
            data = step.function(MappingProxyType(data))
        except CALL_FAULTS as error:
            return failed_upcaster(step.revision, error)
        if not isinstance(data, Mapping):
            return wrong_upcast(step.revision, step.function, data)
    try:
        return validate_data(event, data)
    except (UnfitValue, ValidationError, TypeError, ValueError) as error:
        return unfit_upcast(event.revision, error)


class EventReader:
    """Reads stored events of declared types; `upcasters` are the steps of each type, ordered by `chain`."""

    def __init__(
        self, events: Mapping[str, type[Event]], upcasters: Mapping[str, Sequence[Upcaster]]
    ) -> None:
        self._events = events
        self._upcasters = upcasters

    def read(self, type: str, revision: int, data: Data) -> Reading:
        """Return stored data in the newest revision of its type, and as an instance of its class."""
        event = self._events.get(type)
        if event is None:
            return revision, data, None, unknown_type()
        try:
            if event.revision == revision:
                return revision, data, event.from_data(data), None
            payload = upcast(event, self._upcasters[type], revision, data)
            if isinstance(payload, Unreadable):
                return revision, data, None, payload
            return event.revision, payload.to_data(), payload, None
        except UnfitValue as error:
            return revision, data, None, Unreadable(Cause.DOES_NOT_FIT, str(error))
