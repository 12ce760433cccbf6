"""The process `bookings`: a shipment goes to the carrier, and its answer comes back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from domain.kernel import Command, Event, RecordedEvent
from domain.process import (
    Call,
    CallFailed,
    CallReplied,
    CallTimedOut,
    CommandDone,
    Complete,
    Dispatch,
    Process,
    ProcessFacts,
    Reaction,
    process_context,
)
from domain.shipments.commands import RecordBooking, RecordBookingFailure, RecordNoBookingAnswer
from domain.shipments.events import ShipmentCreated
from domain.shipments.port import Book, Booked

TIMEOUT = timedelta(seconds=15)
"""How long the carrier has for an answer, repeated attempts included."""

BookingTrigger = ShipmentCreated | CallReplied | CallFailed | CallTimedOut | CommandDone


class BookingOpened(Event, type="booking.opened"):
    """A shipment is offered to the carrier."""

    shipment_id: str


@dataclass(frozen=True, slots=True)
class Booking(Process[BookingTrigger, BookingOpened]):
    """Books one shipment with the carrier."""

    category: ClassVar[str] = "booking"

    shipment_id: str = ""

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return event.stream

    def react(self, trigger: BookingTrigger, facts: ProcessFacts) -> Reaction:
        match trigger:
            case ShipmentCreated() if facts.event:
                shipment = facts.event.stream
                book = Book(shipment_id=shipment, address=trigger.address, items=trigger.items)
                return [BookingOpened(shipment_id=shipment), Call(book, "book", timeout=TIMEOUT)]
            case CommandDone():
                return [Complete()]
        return [Dispatch(command) for command in self._answer(trigger)]

    def evolve(self, event: BookingOpened) -> Booking:
        return replace(self, shipment_id=event.shipment_id)

    def _answer(self, trigger: BookingTrigger) -> list[Command]:
        match trigger:
            case CallReplied(reply=Booked(tracking_number=number)):
                return [RecordBooking(id=self.shipment_id, tracking_number=number)]
            case CallFailed(code=code):
                return [RecordBookingFailure(id=self.shipment_id, code=code)]
            case CallTimedOut():
                return [RecordNoBookingAnswer(id=self.shipment_id)]
        return []


context = process_context("bookings", Booking)
