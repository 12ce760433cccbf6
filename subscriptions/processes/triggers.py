"""The events to which a process reacts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from domain.kernel import Event, RecordedEvent
from domain.kernel.errors import Unavailable
from domain.kernel.unreadable import describe_unreadable


class Triggers:
    """The events among the classes that the process `name` declares as its triggers."""

    def __init__(self, name: str, classes: Iterable[type[Any]]) -> None:
        self._name = name
        self._classes = frozenset(each for each in classes if issubclass(each, Event))
        self._types = frozenset(each.type for each in self._classes)

    def match(self, event: RecordedEvent) -> bool:
        """Return whether an event is a trigger.

        Raises Unavailable for a trigger that this worker cannot read, such as one of a newer revision: it
        must not be left out.
        """
        if event.payload is None and event.type in self._types:
            raise Unavailable(
                f"{self._name} stops before position {event.position}: {describe_unreadable(event)}"
            )
        return type(event.payload) in self._classes
