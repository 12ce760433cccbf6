"""Fulfilment as a saga: one process sends each command, waits for its outcome, and undoes all if one fails.

Only this process knows the order of the steps; an order stays PLACED until it is confirmed or cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from domain.fulfilment.parts import authorise, payment_id, reservation_id, reserve, ship, shipment_id
from domain.kernel import Command, Event, RecordedEvent
from domain.kernel.fields import Int64
from domain.orders.commands import CancelOrder, ConfirmOrder
from domain.orders.events import OUT_OF_STOCK, OrderCancelled, OrderConfirmed, OrderLine, OrderPlaced
from domain.payments.commands import CancelPayment, CapturePayment
from domain.payments.events import CaptureFailed, PaymentAuthorised, PaymentCaptured, PaymentDeclined
from domain.process import (
    Compensate,
    Complete,
    DeadlineReached,
    Dispatch,
    Process,
    ProcessFacts,
    Reaction,
    SetDeadline,
    process_context,
)
from domain.reservations.commands import CommitReservation, ReleaseReservation
from domain.reservations.events import ReservationCommitted, ReservationMade, ReservationRefused
from domain.shipments.commands import CancelShipment
from domain.shipments.events import ShipmentBooked, ShipmentFailed

STEP_LIMIT = timedelta(hours=1)
"""How long a step may take. The services behind it give up much earlier."""

TIMED_OUT = "TIMED_OUT"

StepFailed = ReservationRefused | PaymentDeclined | CaptureFailed | ShipmentFailed
FulfilmentTrigger = (
    OrderPlaced
    | ReservationMade
    | PaymentAuthorised
    | PaymentCaptured
    | ShipmentBooked
    | OrderConfirmed
    | ReservationCommitted
    | StepFailed
    | OrderCancelled
    | DeadlineReached
)


class FulfilmentBegun(Event, type="fulfilment.begun"):
    """An order is to be fulfilled."""

    order_id: str
    address: str
    lines: list[OrderLine]
    total: Int64
    currency: str


@dataclass(frozen=True, slots=True)
class Fulfilment(Process[FulfilmentTrigger, FulfilmentBegun]):
    """Reserves the items of an order, has it paid and shipped, and confirms it."""

    category: ClassVar[str] = "fulfilment"

    begun: FulfilmentBegun | None = None

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return getattr(event.payload, "order_id", event.stream)

    def react(self, trigger: FulfilmentTrigger, facts: ProcessFacts) -> Reaction:
        match trigger:
            case OrderPlaced() if facts.event:
                begun = _begun(facts.event.stream, trigger)
                return [begun, *_step(reserve(begun.order_id, begun.lines), facts, _release(begun))]
        return [] if self.begun is None else self._go_on(self.begun, trigger, facts)

    def evolve(self, event: FulfilmentBegun) -> Fulfilment:
        return replace(self, begun=event)

    def _go_on(self, order: FulfilmentBegun, trigger: FulfilmentTrigger, facts: ProcessFacts) -> Reaction:
        payment = payment_id(order.order_id)
        match trigger:
            case ReservationMade():
                hold = authorise(order.order_id, order.total, order.currency)
                return _step(hold, facts, CancelPayment(id=payment))
            case PaymentAuthorised():
                return _step(CapturePayment(id=payment), facts)
            case PaymentCaptured():
                shipping = ship(order.order_id, order.address, order.lines)
                return _step(shipping, facts, CancelShipment(id=shipment_id(order.order_id)))
            case ShipmentBooked():
                return _step(ConfirmOrder(id=order.order_id), facts)
            case OrderConfirmed():
                return _step(CommitReservation(id=reservation_id(order.order_id)), facts)
            case ReservationCommitted():
                return [Complete()]
            case OrderCancelled(code=code):
                return [Compensate(code)]
            case ReservationRefused():
                return _give_up(order, OUT_OF_STOCK)
            case PaymentDeclined(code=code) | CaptureFailed(code=code) | ShipmentFailed(code=code):
                return _give_up(order, code)
        return _give_up(order, TIMED_OUT)


def _begun(order: str, placed: OrderPlaced) -> FulfilmentBegun:
    return FulfilmentBegun(
        order_id=order,
        address=placed.address,
        lines=placed.lines,
        total=placed.total,
        currency=placed.currency,
    )


def _step(command: Command, facts: ProcessFacts, compensation: Command | None = None) -> Reaction:
    """Send a command, and wait for its outcome until the limit of a step."""
    return [Dispatch(command, compensation=compensation), SetDeadline("step", facts.now + STEP_LIMIT)]


def _release(order: FulfilmentBegun) -> Command:
    return ReleaseReservation(id=reservation_id(order.order_id))


def _give_up(order: FulfilmentBegun, code: str) -> Reaction:
    """Cancel the order, then undo what was done for it, the last step first."""
    return [Dispatch(CancelOrder(id=order.order_id, code=code)), Compensate(code)]


context = process_context("fulfilments", Fulfilment)
