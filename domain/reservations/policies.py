"""How reservations and the stock of their items work together, in both styles of fulfilment."""

from __future__ import annotations

from collections.abc import Iterable

from domain.inventory.commands import CommitStock, ReleaseStock, ReserveStock
from domain.inventory.events import StockRefused, StockReserved
from domain.kernel import Command, RecordedEvent
from domain.process import Policy
from domain.reservations.commands import RecordItemRefused, RecordItemReserved
from domain.reservations.events import (
    ReservationCommitted,
    ReservationRefused,
    ReservationReleased,
    ReservationRequested,
)


def _reserve(event: RecordedEvent) -> Iterable[Command]:
    """Ask the stock of each item, and record what it answers."""
    match event.payload:
        case ReservationRequested(items=items):
            return [
                ReserveStock(id=item.item_id, reservation_id=event.stream, quantity=item.quantity)
                for item in items
            ]
        case StockReserved(reservation_id=reservation):
            return [RecordItemReserved(id=reservation, item_id=event.stream)]
        case StockRefused(reservation_id=reservation, available=available):
            return [RecordItemRefused(id=reservation, item_id=event.stream, available=available)]
    return []


def _settle(event: RecordedEvent) -> Iterable[Command]:
    """Release what is reserved, or take it from the stock, once the reservation is over."""
    match event.payload:
        case ReservationRefused(reserved=items) | ReservationReleased(reserved=items):
            return [ReleaseStock(id=item, reservation_id=event.stream) for item in items]
        case ReservationCommitted(reserved=items):
            return [CommitStock(id=item, reservation_id=event.stream) for item in items]
    return []


policies = (
    Policy("reserve_stock", (ReservationRequested, StockReserved, StockRefused), _reserve),
    Policy("settle_stock", (ReservationRefused, ReservationReleased, ReservationCommitted), _settle),
)
