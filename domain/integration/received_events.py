"""Streams of integration events: each event that is received becomes an event of a declared class. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, make_dataclass
from typing import Any, ClassVar, Self, Union

from domain.integration.json_input import fields_from_json
from domain.kernel.access import Access
from domain.kernel.aggregate import Aggregate, Facts
from domain.kernel.command import PutCommand
from domain.kernel.errors import UnfitValue
from domain.kernel.event import Event
from domain.kernel.fields import Identifier, Json


class ReceiveEvent(PutCommand):
    """Records an event of another system. `type` and `data` are those of the event that was sent."""

    id: Identifier
    type: str
    data: Json = None

    @property
    def target(self) -> str:
        """The stream of the events about one subject of one source."""
        return self.id


@dataclass(frozen=True, slots=True)
class ReceivedEvents(Aggregate[ReceiveEvent, Event]):
    """The events that one source has sent about one subject; they are facts, so none is refused.

    `received` has the class of each type. `received_events_class` makes the class of a context.
    """

    category: ClassVar[str] = ""
    received: ClassVar[Mapping[str, type[Event]]] = {}

    def decide(self, command: ReceiveEvent, facts: Facts) -> Sequence[Event]:
        return [read_event(self.received[command.type], command.data)]

    def evolve(self, event: Event) -> Self:
        return self


def read_event(event: type[Event], data: Any) -> Event:
    """Return the event of JSON data; none is an object without members.

    Raises UnfitValue and pydantic's ValidationError where the data does not fit.
    """
    if data is not None and not isinstance(data, Mapping):
        raise UnfitValue("expected an object")
    return event.model_validate(fields_from_json(event, data or {}))


def received_events_class(
    name: str, category: str, received: Mapping[str, type[Event]], access: Access
) -> type[ReceivedEvents]:
    """Return the aggregate of a context, with a command of its own, to which the rule of access applies."""
    # Of Any, because the union is made at run time, and only read by `event_classes`.
    union: Any = Union
    aggregate: Any = Aggregate
    events = tuple(dict.fromkeys(received.values()))
    words = "".join(word.capitalize() for word in name.split("_"))
    module = events[0].__module__
    command = type(f"Receive{words}", (ReceiveEvent,), {"access": access, "__module__": module})
    made: type[ReceivedEvents] = make_dataclass(
        words,
        [],
        bases=(ReceivedEvents,),
        namespace={
            "__orig_bases__": (aggregate[command, union[events]],),
            "__module__": module,
            "__doc__": ReceivedEvents.__doc__,
            "category": category,
            "received": received,
        },
        frozen=True,
    )
    return made
