"""Events of the stock of one item. Each carries the levels after it, so that no reader has to add them up."""

from __future__ import annotations

from domain.kernel import Event
from domain.kernel.fields import Int64


class StockReceived(Event, type="stock.received"):
    """A quantity of the item has arrived."""

    name: str | None = None
    quantity: Int64
    on_hand: Int64


class StockCounted(Event, type="stock.counted"):
    """The item was counted; `on_hand` is what there is."""

    on_hand: Int64
    reason: str


class StockReserved(Event, type="stock.reserved"):
    """A quantity was reserved: it is on hand, but not available to others."""

    reservation_id: str
    quantity: Int64
    reserved: Int64


class StockRefused(Event, type="stock.refused"):
    """A quantity was not reserved, because only `available` were left."""

    reservation_id: str
    quantity: Int64
    available: Int64


class StockReleased(Event, type="stock.released"):
    """A reserved quantity is available again."""

    reservation_id: str
    quantity: Int64
    reserved: Int64


class StockCommitted(Event, type="stock.committed"):
    """A reserved quantity has left the warehouse."""

    reservation_id: str
    quantity: Int64
    on_hand: Int64
    reserved: Int64
