"""The view `stock_items`: how much of each item is on hand, reserved and available."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.inventory import context
from domain.inventory.events import (
    StockCommitted,
    StockCounted,
    StockReceived,
    StockReleased,
    StockReserved,
)
from domain.kernel import RecordedEvent
from domain.kernel.fields import Int64
from projections.kernel import View


class StockItemRow(TypedDict):
    """An item that was received at least once. `available` is what is on hand and not reserved."""

    id: str
    name: str | None
    on_hand: Int64
    reserved: Int64
    available: Int64
    changed_at: datetime


def _apply(id: str, row: StockItemRow | None, event: RecordedEvent) -> StockItemRow | None:
    payload = event.payload
    match payload:
        case StockReceived():
            reserved = row["reserved"] if row else 0
            name = payload.name or (row["name"] if row else None)
            return _leveled(id, name, payload.on_hand, reserved, event.time)
    if row is None:
        return None
    match payload:
        case StockCounted():
            return _leveled(id, row["name"], payload.on_hand, row["reserved"], event.time)
        case StockReserved() | StockReleased():
            return _leveled(id, row["name"], row["on_hand"], payload.reserved, event.time)
        case StockCommitted():
            return _leveled(id, row["name"], payload.on_hand, payload.reserved, event.time)
        case _:
            return row


def _leveled(id: str, name: str | None, on_hand: int, reserved: int, time: datetime) -> StockItemRow:
    return StockItemRow(
        id=id,
        name=name,
        on_hand=on_hand,
        reserved=reserved,
        available=on_hand - reserved,
        changed_at=time,
    )


view = View(
    name="stock_items",
    singular="stock_item",
    context=context,
    row=StockItemRow,
    apply=_apply,
    filters=("name", "on_hand", "reserved", "available"),
    orders=("name", "on_hand", "available", "changed_at"),
    search=("name",),
    description="An item in stock. What is reserved is on hand, but not available.",
)
