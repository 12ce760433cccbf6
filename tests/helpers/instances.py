"""An instance of a process in memory, with the log of the events to which it reacts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from domain.kernel import CommitInfo, Event, Facts, RecordedEvent
from domain.kernel.event import NewEvent
from domain.process import Outcome, Process, ProcessRequested
from domain.process.commands import InstanceCommand
from domain.process.events import DeadlinePassed
from domain.process.instance import instance_class
from domain.process.instance_state import InstanceState
from domain.process.reacting import react_to_deadline, react_to_event, react_to_outcome, react_to_request

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def recorded(
    payload: Event, stream: str, version: int, position: int, place: int = 0, command_id: str = "c"
) -> RecordedEvent:
    """An event as it is read from the log."""
    category = stream.partition("-")[0]
    info = CommitInfo(
        position, "default", stream, category, command_id, "C", "c", None, None, None, NOW, None
    )
    kind = type(payload)
    return RecordedEvent(info, place, "e", kind.type, kind.revision, version, payload.to_data(), payload)


class InstanceLog:
    """The events of one instance. Each method returns the events of the commit that it leads to."""

    def __init__(
        self, process: type[Process[Any, Any]], stream: str | None = None, now: datetime = NOW
    ) -> None:
        self.stream = stream or f"{process.category}-1"
        self.instance: Any = instance_class(process)()
        self.events: list[Event] = []
        self.delivered: list[RecordedEvent] = []
        self._now = now

    @property
    def kept(self) -> InstanceState:
        """What nerve keeps of the instance."""
        kept: InstanceState = self.instance.kept
        return kept

    def event(self, payload: Event, stream: str = "list-1") -> RecordedEvent:
        """The next event of the log, which is not delivered yet."""
        number = len(self.delivered) + 1
        event = recorded(payload, stream, number, number)
        self.delivered.append(event)
        return event

    def deliver(self, payload: Event, stream: str = "list-1") -> Sequence[Event]:
        """React to a new event of another stream."""
        return self.react(self.event(payload, stream))

    def redeliver(self, index: int) -> Sequence[Event]:
        """React to an event that was delivered before."""
        return self.react(self.delivered[index])

    def react(self, event: RecordedEvent, *, late: bool = False) -> Sequence[Event]:
        """React to an event of the log."""
        return self._append(react_to_event(self.instance, event, self.stream, self._now, late=late).events)

    def request(self, request: ProcessRequested, effect: str) -> Sequence[Event]:
        """Start the instance by the effect of another one."""
        return self._append(react_to_request(self.instance, request, effect, self.stream, self._now).events)

    def settle(self, settlement: Any, outcome: Outcome) -> Sequence[Event]:
        """Record the outcome of an effect."""
        effect = settlement.effect
        return self._append(react_to_outcome(self.instance, effect, settlement, outcome, self._now).events)

    def pass_deadline(self, passed: DeadlinePassed) -> Sequence[Event]:
        """Let a deadline come."""
        return self._append(react_to_deadline(self.instance, passed, self._now).events)

    def operate(self, command: InstanceCommand) -> Sequence[Event]:
        """Carry out a person's command; raises what refuses it."""
        facts = Facts(now=self._now, stream_id=self.stream, version=self.kept.version)
        return self._append(self.instance.decide(command, facts))

    def _append(self, events: Sequence[Event]) -> Sequence[Event]:
        for event in events:
            stored = type(event).from_data(NewEvent("e", event).data)
            self.instance = self.instance.evolve(stored)
            self.events.append(stored)
        return tuple(events)
