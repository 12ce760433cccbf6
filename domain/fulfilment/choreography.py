"""Fulfilment as choreography: each policy reacts to an event with commands, and none sees the whole. Pure.

What a policy would have to remember is in the pending states of the order: RESERVED and PAID say what has to
be undone if the order is cancelled.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.fulfilment.parts import authorise, payment_id, reservation_id, reserve, ship, shipment_id
from domain.kernel import Command, RecordedEvent
from domain.orders.commands import CancelOrder, ConfirmOrder, RecordPaid, RecordReserved
from domain.orders.events import (
    OUT_OF_STOCK,
    OrderCancelled,
    OrderConfirmed,
    OrderPaid,
    OrderPlaced,
    OrderReserved,
    OrderStatus,
)
from domain.payments.commands import CancelPayment, CapturePayment
from domain.payments.events import CaptureFailed, PaymentAuthorised, PaymentCaptured, PaymentDeclined
from domain.process import Policy
from domain.reservations.commands import CommitReservation, ReleaseReservation
from domain.reservations.events import ReservationMade, ReservationRefused
from domain.shipments.commands import CancelShipment
from domain.shipments.events import ShipmentBooked, ShipmentFailed


def _advance(event: RecordedEvent) -> Iterable[Command]:
    """Begin the next step of an order."""
    match event.payload:
        case OrderPlaced(lines=lines):
            return [reserve(event.stream, lines)]
        case OrderReserved(total=total, currency=currency):
            return [authorise(event.stream, total, currency)]
        case PaymentAuthorised():
            return [CapturePayment(id=event.stream)]
        case OrderPaid(address=address, lines=lines):
            return [ship(event.stream, address, lines)]
        case OrderConfirmed():
            return [CommitReservation(id=reservation_id(event.stream))]
    return []


def _record(event: RecordedEvent) -> Iterable[Command]:
    """Record with the order what was done for it."""
    match event.payload:
        case ReservationMade(order_id=order):
            return [RecordReserved(id=order)]
        case PaymentCaptured(order_id=order):
            return [RecordPaid(id=order)]
        case ShipmentBooked(order_id=order):
            return [ConfirmOrder(id=order)]
    return []


def _give_up(event: RecordedEvent) -> Iterable[Command]:
    """Cancel the order whose step has failed."""
    match event.payload:
        case ReservationRefused(order_id=order):
            return [CancelOrder(id=order, code=OUT_OF_STOCK)]
        case (
            PaymentDeclined(order_id=order, code=code)
            | CaptureFailed(order_id=order, code=code)
            | ShipmentFailed(order_id=order, code=code)
        ):
            return [CancelOrder(id=order, code=code)]
    return []


def _undo(event: RecordedEvent) -> Iterable[Command]:
    """Undo what was done for a cancelled order."""
    payload, order = event.payload, event.stream
    if not isinstance(payload, OrderCancelled) or payload.status is OrderStatus.PLACED:
        return []
    commands: list[Command] = [
        CancelPayment(id=payment_id(order)),
        ReleaseReservation(id=reservation_id(order)),
    ]
    return [CancelShipment(id=shipment_id(order)), *commands] if payload.is_booked else commands


policies = (
    Policy(
        "advance_order",
        (OrderPlaced, OrderReserved, PaymentAuthorised, OrderPaid, OrderConfirmed),
        _advance,
    ),
    Policy("record_progress", (ReservationMade, PaymentCaptured, ShipmentBooked), _record),
    Policy("give_up_order", (ReservationRefused, PaymentDeclined, CaptureFailed, ShipmentFailed), _give_up),
    Policy("undo_order", (OrderCancelled,), _undo),
)
