"""The events to which a process or a policy reacts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from domain.dispatch.ports import Clock
from domain.kernel import Catalog, Event, RecordedEvent
from domain.kernel.errors import Unavailable
from domain.kernel.event import Cause
from domain.kernel.unreadable import describe_unreadable

DEPLOYMENT_TIME = timedelta(minutes=10)
"""How long after an event was stored a worker that cannot read it yet leaves it to another worker."""

_CAUSES_IN_WORKER = (Cause.NEWER_REVISION, Cause.LOCKED)
"""Causes that another worker may not have: one with newer code, or with the key of personal data."""


def categories_of(triggers: Iterable[type[Any]], catalog: Catalog) -> frozenset[str]:
    """Return the categories of the contexts that have one of these triggers among their events."""
    classes = frozenset(triggers)
    return frozenset(
        context.category for context in catalog.contexts if not classes.isdisjoint(context.events)
    )


class Triggers:
    """The events among the classes that the process or policy `name` declares as its triggers."""

    def __init__(self, name: str, classes: Iterable[type[Any]], clock: Clock) -> None:
        self._name = name
        self._classes = frozenset(each for each in classes if issubclass(each, Event))
        self._types = frozenset(each.type for each in self._classes)
        self._clock = clock

    def match(self, event: RecordedEvent) -> bool:
        """Return whether an event is a trigger, also if it cannot be read.

        Raises Unavailable for a recent trigger that another worker may be able to read, such as one of a
        newer revision while a new release is deployed: it is left to that worker.
        """
        if event.payload is not None or event.type not in self._types:
            return type(event.payload) in self._classes
        assert event.unreadable is not None
        age = self._clock() - event.commit.at
        if event.unreadable.cause in _CAUSES_IN_WORKER and age < DEPLOYMENT_TIME:
            raise Unavailable(
                f"{self._name} stops before position {event.position}: {describe_unreadable(event)}"
            )
        return True
