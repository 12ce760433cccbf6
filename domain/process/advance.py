"""The events of one commit of an instance, with the instance after them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from domain.kernel.event import Event


class Advance(NamedTuple):
    """Events of one commit, and the instance after them; the instance as it was if there are none.

    The instance comes along because making it takes as long as all else that a reaction does.
    """

    events: Sequence[Event]
    instance: Any

    def then(self, other: Advance) -> Advance:
        """Return the events of both; `other` begins in the instance of this one."""
        return Advance((*self.events, *other.events), other.instance)


def advance(instance: Any, *events: Event) -> Advance:
    """Return the advance of an instance by these events."""
    return Advance(events, instance.evolve_all(events))
