"""The view `shipments`: each shipment as it is now."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.kernel import RecordedEvent
from domain.kernel.fields import Int64
from domain.shipments import context
from domain.shipments.events import (
    CancellationRequested,
    ShipmentBooked,
    ShipmentCancelled,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentFailed,
    ShipmentMoved,
    ShipmentStatus,
)
from projections.kernel import View
from projections.kernel.links import ToOne


class ShipmentItem(TypedDict):
    """An item, and how many of it are shipped."""

    item_id: str
    quantity: Int64


class ShipmentRow(TypedDict):
    """A shipment; `place` is where it was seen last, and `code` says why it failed."""

    id: str
    order_id: str
    status: ShipmentStatus
    address: str
    items: list[ShipmentItem]
    tracking_number: str | None
    place: str | None
    code: str | None
    created_at: datetime
    delivered_at: datetime | None


def _apply(id: str, row: ShipmentRow | None, event: RecordedEvent) -> ShipmentRow | None:
    payload = event.payload
    if isinstance(payload, ShipmentCreated):
        return _created(id, payload, event.time)
    if row is None:
        return None
    match payload:
        case ShipmentBooked():
            return {**row, "status": ShipmentStatus.BOOKED, "tracking_number": payload.tracking_number}
        case ShipmentFailed():
            return {**row, "status": ShipmentStatus.FAILED, "code": payload.code}
        case ShipmentMoved():
            return {**row, "status": ShipmentStatus.IN_TRANSIT, "place": payload.place}
        case ShipmentDelivered():
            return {**row, "status": ShipmentStatus.DELIVERED, "delivered_at": event.time}
        case CancellationRequested():
            return {**row, "status": ShipmentStatus.CANCELLING}
        case ShipmentCancelled():
            return {**row, "status": ShipmentStatus.CANCELLED}
        case _:
            return row


def _created(id: str, event: ShipmentCreated, time: datetime) -> ShipmentRow:
    return ShipmentRow(
        id=id,
        order_id=event.order_id,
        status=ShipmentStatus.BOOKING,
        address=event.address,
        items=[ShipmentItem(item_id=item.item_id, quantity=item.quantity) for item in event.items],
        tracking_number=None,
        place=None,
        code=None,
        created_at=time,
        delivered_at=None,
    )


view = View(
    context=context,
    row=ShipmentRow,
    apply=_apply,
    filters=("order_id", "status", "tracking_number", "created_at"),
    orders=("created_at", "delivered_at"),
    indexes=(("status", "-created_at"),),
    links=(
        ToOne("order", "orders", by="order_id"),
        ToOne("items.item", "stock_items", by="item_id"),
    ),
    description="The shipment of an order.",
)
