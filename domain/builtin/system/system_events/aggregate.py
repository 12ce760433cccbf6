"""The record of one system event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from domain.builtin.system.system_events.commands import RecordSystemEvent
from domain.builtin.system.system_events.events import SystemEventRecorded
from domain.kernel import Aggregate, Facts


@dataclass(frozen=True, slots=True)
class SystemEvent(Aggregate[RecordSystemEvent, SystemEventRecorded]):
    """A system event, which never changes."""

    category: ClassVar[str] = "systemevent"

    def decide(self, command: RecordSystemEvent, facts: Facts) -> Sequence[SystemEventRecorded]:
        return [SystemEventRecorded(**command.model_dump(exclude={"id"}))]

    def evolve(self, event: SystemEventRecorded) -> SystemEvent:
        return self
