"""Work by channels, each with a limit of its own: so a port that is slow delays no command. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from domain.kernel import Event, RecordedEvent
from domain.process.effect_ids import effect_id
from domain.process.events import CallRequested, ChildRequested, CommandRequested, DeadlineSet
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import TRIGGERS, Work

COMMANDS = "commands"
CHILDREN = "children"
DEADLINES = "deadlines"
OTHER_CALLS = "calls of other ports"

MAX_COMMANDS = 1_000
"""Commands of a partition that are under way at a time; as many starts of other processes, and deadlines."""

MAX_CALLS = 100
"""Calls of one outside port by a partition at a time."""

REQUESTS = frozenset[type[Event] | None]((CommandRequested, CallRequested, ChildRequested, DeadlineSet))
"""The classes of the events of an instance that ask for work.

Look up the class of an event in it: `isinstance` takes several times as long for models, and this is done for
each event.
"""


class Channels:
    """The channels of a worker that has adapters of these ports; `limits` are how many pieces each may do.

    Calls of ports without an adapter share a channel: they are tried now and then until a worker has one.
    """

    def __init__(self, ports: Iterable[str]) -> None:
        self._ports = {port: f"calls of {port}" for port in ports}
        calls = dict.fromkeys((*self._ports.values(), OTHER_CALLS), MAX_CALLS)
        self.limits = dict.fromkeys((COMMANDS, CHILDREN, DEADLINES), MAX_COMMANDS) | calls

    def requested_work(
        self, instance: InstanceKey, event: Event, version: int, position: int, correlation: str
    ) -> Work:
        """Return the work that an event of an instance asks for; `version` and `position` are the event's."""
        effect = effect_id(instance.stream, version)
        channel = self._channel(event)
        due = event.due if channel == DEADLINES and isinstance(event, DeadlineSet) else None
        return Work(instance, effect, channel, instance.stream, version, position, correlation, due)

    def _channel(self, event: Event) -> str:
        match event:
            case CommandRequested():
                return COMMANDS
            case CallRequested(port=port):
                return self._ports.get(port, OTHER_CALLS)
            case ChildRequested():
                return CHILDREN
        return DEADLINES


def parked_trigger(instance: InstanceKey, event: RecordedEvent) -> Work:
    """Return the work that is left when an instance cannot react to an event."""
    trigger = f"{instance.stream}<{event.stream}:{event.version}"
    place = (event.stream, event.version, event.position)
    return Work(instance, trigger, TRIGGERS, *place, event.commit.correlation)
