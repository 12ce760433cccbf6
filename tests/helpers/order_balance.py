"""What must be true of orders when nothing is left to do, in a simulation as on real servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from domain.inventory.aggregate import Stock
from domain.orders.aggregate import Order
from domain.orders.events import OrderStatus
from domain.payments.aggregate import Payment
from domain.payments.events import PaymentStatus
from domain.process.events import ProcessStatus
from domain.process.instance import Instance
from domain.reservations.aggregate import Reservation
from domain.reservations.events import ReservationStatus
from domain.shipments.aggregate import Shipment
from domain.shipments.events import ShipmentStatus
from tests.helpers.order_services import OrderServices

OVER = (ProcessStatus.COMPLETED, ProcessStatus.FAILED, ProcessStatus.COMPENSATED)
CONFIRMED = frozenset({ReservationStatus.COMMITTED, PaymentStatus.CAPTURED, ShipmentStatus.BOOKED})
"""The states of what belongs to a confirmed order."""

UNDONE = frozenset(
    {
        ReservationStatus.REFUSED,
        ReservationStatus.RELEASED,
        PaymentStatus.DECLINED,
        PaymentStatus.VOIDED,
        PaymentStatus.REFUNDED,
        ShipmentStatus.FAILED,
        ShipmentStatus.CANCELLED,
    }
)
"""The states of what belongs to a cancelled order."""


def is_over(states: Mapping[str, Any], orders: int) -> bool:
    """Return whether so many orders and their notices, and all that works on them, have ended."""
    notices = [stream for stream in states if stream.startswith("notice-")]
    return len(notices) == orders and all(map(_has_ended, states.values()))


def _has_ended(state: Any) -> bool:
    match state:
        case Order():
            return state.status in (OrderStatus.CONFIRMED, OrderStatus.CANCELLED)
        case Instance():
            return state.kept.status in OVER
        case Stock():
            return not state.reserved
        case Reservation() | Payment() | Shipment():
            return state.status in CONFIRMED | UNDONE
    return True


def imbalances(states: Mapping[str, Any], services: OrderServices, received: Mapping[str, int]) -> list[str]:
    """Return what is wrong, in sentences, with these states of all streams.

    `received` is how many of each item have arrived.
    """
    orders = {stream: state for stream, state in states.items() if isinstance(state, Order)}
    wrongs = [f"carried out under two keys: {what}" for what in services.repeated()]
    for stream, state in states.items():
        wrongs += _wrongs(stream, state, orders)
    for order, state in orders.items():
        wrongs += _money(order, state, services)
    return [*wrongs, *_stock(states, orders, received)]


def _wrongs(stream: str, state: Any, orders: Mapping[str, Order]) -> Iterator[str]:
    match state:
        case Instance() if state.kept.status not in OVER:
            yield f"{stream} is {state.kept.status}, and waits for {list(state.kept.pending)}"
        case Order() if state.status not in (OrderStatus.CONFIRMED, OrderStatus.CANCELLED):
            yield f"{stream} is {state.status}, which is not final"
        case Reservation() | Payment() | Shipment():
            order = orders[state.order_id].status
            expected = CONFIRMED if order is OrderStatus.CONFIRMED else UNDONE
            if state.status not in expected:
                yield f"{stream} is {state.status}, and {state.order_id} is {order}"


def _money(stream: str, order: Order, services: OrderServices) -> Iterator[str]:
    assert order.placed is not None
    is_confirmed = order.status is OrderStatus.CONFIRMED
    key = stream.partition("-")[2]
    if services.money(key) != (expected := (0, order.placed.total if is_confirmed else 0)):
        yield f"(held, collected) for {stream} is {services.money(key)} and not {expected}"
    if services.is_booked(key) != is_confirmed:
        yield f"{stream} is {order.status}, and booked with the carrier: {services.is_booked(key)}"


def _stock(
    states: Mapping[str, Any], orders: Mapping[str, Order], received: Mapping[str, int]
) -> Iterator[str]:
    sold: Counter[str] = Counter()
    for order in orders.values():
        if order.placed is not None and order.status is OrderStatus.CONFIRMED:
            for line in order.placed.lines:
                sold[line.item_id] += line.quantity
    for item, quantity in received.items():
        stock = states[item]
        assert isinstance(stock, Stock)
        if (stock.on_hand, stock.reserved) != (expected := (quantity - sold[item], 0)):
            yield f"(on hand, reserved) of {item} is {(stock.on_hand, stock.reserved)} and not {expected}"
