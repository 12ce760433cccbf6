"""Fulfilment as a saga: one process goes through the steps, and undoes them if one fails. Pure.

Only this process knows the order of the steps; an order stays PLACED until it is confirmed or cancelled.
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from domain.fulfilment.parts import authorise, payment_id, reservation_id, reserve, ship, shipment_id
from domain.kernel import Command, Event, RecordedEvent
from domain.kernel.fields import Int64
from domain.orders.commands import CancelOrder, ConfirmOrder
from domain.orders.events import (
    OUT_OF_STOCK,
    TIMED_OUT,
    OrderCancelled,
    OrderConfirmed,
    OrderLine,
    OrderPlaced,
)
from domain.payments.commands import CancelPayment, CapturePayment
from domain.payments.events import CaptureFailed, PaymentAuthorised, PaymentCaptured, PaymentDeclined
from domain.process import CommandRefused, Outcome, ProcessFacts, Saga, Step, process_context
from domain.reservations.commands import CommitReservation, ReleaseReservation
from domain.reservations.events import ReservationCommitted, ReservationMade, ReservationRefused
from domain.shipments.commands import CancelShipment
from domain.shipments.events import ShipmentBooked, ShipmentFailed

LIMIT = timedelta(hours=1)
"""How long a step may take. The processes behind the outside ports give up much earlier."""


class FulfilmentBegun(Event, type="fulfilment.begun"):
    """An order is to be fulfilled."""

    order_id: str
    address: str
    lines: list[OrderLine]
    total: Int64
    currency: str


class Fulfilment(Saga[OrderPlaced, FulfilmentBegun]):
    """Reserves the items of an order, has it paid and shipped, and confirms it."""

    category: ClassVar[str] = "fulfilment"
    steps: ClassVar = (
        Step(
            "reserve",
            do=lambda saga: reserve(saga.data.order_id, saga.data.lines),
            done=ReservationMade,
            failed=ReservationRefused,
            undo=lambda saga: ReleaseReservation(id=reservation_id(saga.data.order_id)),
            within=LIMIT,
        ),
        Step(
            "authorise",
            do=lambda saga: authorise(saga.data.order_id, saga.data.total, saga.data.currency),
            done=PaymentAuthorised,
            failed=PaymentDeclined,
            undo=lambda saga: CancelPayment(id=payment_id(saga.data.order_id)),
            within=LIMIT,
        ),
        Step(
            "capture",
            do=lambda saga: CapturePayment(id=payment_id(saga.data.order_id)),
            done=PaymentCaptured,
            failed=CaptureFailed,
            undo=None,  # That of "authorise" gives back what was collected, too.
            within=LIMIT,
        ),
        Step(
            "ship",
            do=lambda saga: ship(saga.data.order_id, saga.data.address, saga.data.lines),
            done=ShipmentBooked,
            failed=ShipmentFailed,
            undo=lambda saga: CancelShipment(id=shipment_id(saga.data.order_id)),
            within=LIMIT,
        ),
        Step(
            "confirm",
            do=lambda saga: ConfirmOrder(id=saga.data.order_id),
            done=OrderConfirmed,
            failed=OrderCancelled,
            undo=None,  # Nothing that follows can fail.
        ),
        Step(
            "commit",
            do=lambda saga: CommitReservation(id=reservation_id(saga.data.order_id)),
            done=ReservationCommitted,
        ),
    )

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return getattr(event.payload, "order_id", event.stream)

    @classmethod
    def start(cls, event: OrderPlaced, facts: ProcessFacts) -> FulfilmentBegun | None:
        return FulfilmentBegun(
            order_id=facts.key,
            address=event.address,
            lines=event.lines,
            total=event.total,
            currency=event.currency,
        )

    def on_failure(self, step: str, trigger: Event | Outcome) -> Command | None:
        """Cancel the order, with the code of what failed."""
        match trigger:
            case OrderCancelled():
                return None
            case ReservationRefused():
                code = OUT_OF_STOCK
            case PaymentDeclined() | CaptureFailed() | ShipmentFailed() | CommandRefused():
                code = trigger.code
            case _:
                code = TIMED_OUT
        return CancelOrder(id=self.data.order_id, code=code)


context = process_context("fulfilments", Fulfilment)
