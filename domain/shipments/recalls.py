"""The process `recalls`: the carrier gives up the booking of a shipment.

It is tried for days. What the carrier refuses for good makes the process stuck: a person has to look at it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from domain.kernel import Event, RecordedEvent
from domain.process import (
    Call,
    CallReplied,
    CommandDone,
    Complete,
    Dispatch,
    Process,
    ProcessFacts,
    Reaction,
    process_context,
)
from domain.shipments.commands import RecordCancellation
from domain.shipments.events import CancellationRequested
from domain.shipments.port import CancelBooking

TIMEOUT = timedelta(days=3)

RecallTrigger = CancellationRequested | CallReplied | CommandDone


class RecallOpened(Event, type="recall.opened"):
    """The booking of a shipment is to be given up."""

    shipment_id: str


@dataclass(frozen=True, slots=True)
class Recall(Process[RecallTrigger, RecallOpened]):
    """Has the carrier give up one booking."""

    category: ClassVar[str] = "recall"

    shipment_id: str = ""

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return event.stream

    def react(self, trigger: RecallTrigger, facts: ProcessFacts) -> Reaction:
        match trigger:
            case CancellationRequested() if facts.event:
                shipment = facts.event.stream
                cancel = CancelBooking(shipment_id=shipment)
                return [RecallOpened(shipment_id=shipment), Call(cancel, "cancel", timeout=TIMEOUT)]
            case CallReplied():
                return [Dispatch(RecordCancellation(id=self.shipment_id))]
        return [Complete()]

    def evolve(self, event: RecallOpened) -> Recall:
        return replace(self, shipment_id=event.shipment_id)


context = process_context("recalls", Recall)
