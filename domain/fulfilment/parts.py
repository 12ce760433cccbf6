"""The commands that fulfil an order, and the ids of its reservation, its payment and its shipment. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from domain.kernel import Command
from domain.orders.events import OrderLine
from domain.payments.commands import AuthorisePayment
from domain.reservations.commands import RequestReservation
from domain.reservations.events import ReservationItem
from domain.shipments.commands import CreateShipment
from domain.shipments.events import ShipmentItem


def reservation_id(order: str) -> str:
    """Return the id of the reservation of an order."""
    return f"reservation-{_key(order)}"


def payment_id(order: str) -> str:
    """Return the id of the payment of an order."""
    return f"payment-{_key(order)}"


def shipment_id(order: str) -> str:
    """Return the id of the shipment of an order."""
    return f"shipment-{_key(order)}"


def reserve(order: str, lines: Sequence[OrderLine]) -> Command:
    """Return the command that reserves the items of an order."""
    items = [ReservationItem(item_id=line.item_id, quantity=line.quantity) for line in lines]
    return RequestReservation(id=reservation_id(order), order_id=order, items=items)


def authorise(order: str, total: int, currency: str) -> Command:
    """Return the command that holds the total of an order."""
    return AuthorisePayment(id=payment_id(order), order_id=order, amount=total, currency=currency)


def ship(order: str, address: str, lines: Sequence[OrderLine]) -> Command:
    """Return the command that books the shipment of an order."""
    items = [ShipmentItem(item_id=line.item_id, quantity=line.quantity) for line in lines]
    return CreateShipment(id=shipment_id(order), order_id=order, address=address, items=items)


def _key(order: str) -> str:
    return order.partition("-")[2]
