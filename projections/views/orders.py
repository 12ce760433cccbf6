"""The view `orders`: each order with its items, and how its payment and its shipment stand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict

from domain.kernel import RecordedEvent
from domain.kernel.fields import Int64
from domain.orders import context
from domain.orders.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderPaid,
    OrderPlaced,
    OrderReserved,
    OrderStatus,
    WithdrawalRequested,
)
from domain.payments import context as payments
from domain.payments.events import (
    AuthorisationRequested,
    CaptureFailed,
    CaptureRequested,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentStatus,
    PaymentVoided,
    RefundRequested,
    VoidRequested,
)
from domain.shipments import context as shipments
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
from projections.kernel.links import ToMany, ToOne


class OrderLine(TypedDict):
    """An item of an order; prices are in the smallest unit of the order's currency."""

    item_id: str
    name: str
    quantity: Int64
    unit_price: Int64


class OrderRow(TypedDict):
    """An order. `payment_status` and `shipment_status` are None before there is one.

    `total` is in the smallest unit of the currency. `code` says why the order was cancelled.
    """

    id: str
    customer_id: str
    customer_name: str
    address: str
    lines: list[OrderLine]
    total: Int64
    currency: str
    status: OrderStatus
    is_withdrawn: bool
    code: str | None
    payment_status: PaymentStatus | None
    shipment_status: ShipmentStatus | None
    tracking_number: str | None
    placed_at: datetime
    finished_at: datetime | None


_PAYMENT: Mapping[type, PaymentStatus] = {
    AuthorisationRequested: PaymentStatus.AUTHORISING,
    PaymentAuthorised: PaymentStatus.AUTHORISED,
    PaymentDeclined: PaymentStatus.DECLINED,
    CaptureRequested: PaymentStatus.CAPTURING,
    CaptureFailed: PaymentStatus.AUTHORISED,
    PaymentCaptured: PaymentStatus.CAPTURED,
    VoidRequested: PaymentStatus.VOIDING,
    PaymentVoided: PaymentStatus.VOIDED,
    RefundRequested: PaymentStatus.REFUNDING,
    PaymentRefunded: PaymentStatus.REFUNDED,
}
_SHIPMENT: Mapping[type, ShipmentStatus] = {
    ShipmentCreated: ShipmentStatus.BOOKING,
    ShipmentBooked: ShipmentStatus.BOOKED,
    ShipmentFailed: ShipmentStatus.FAILED,
    ShipmentMoved: ShipmentStatus.IN_TRANSIT,
    ShipmentDelivered: ShipmentStatus.DELIVERED,
    CancellationRequested: ShipmentStatus.CANCELLING,
    ShipmentCancelled: ShipmentStatus.CANCELLED,
}


def _key(event: RecordedEvent) -> tuple[str, ...]:
    order: str | None = getattr(event.payload, "order_id", None)
    return (event.stream if order is None else order,)


def _apply(id: str, row: OrderRow | None, event: RecordedEvent) -> OrderRow | None:
    payload = event.payload
    if isinstance(payload, OrderPlaced):
        return _placed(id, payload, event.time)
    if row is None:
        return None
    match payload:
        case OrderReserved():
            return {**row, "status": OrderStatus.RESERVED}
        case OrderPaid():
            return {**row, "status": OrderStatus.PAID}
        case OrderConfirmed():
            return {**row, "status": OrderStatus.CONFIRMED, "finished_at": event.time}
        case OrderCancelled():
            cancelled: OrderRow = {**row, "status": OrderStatus.CANCELLED, "code": payload.code}
            return {**cancelled, "finished_at": event.time}
        case WithdrawalRequested():
            return {**row, "is_withdrawn": True}
        case PaymentRefunded():
            is_all = payload.refunded == row["total"]
            status = PaymentStatus.REFUNDED if is_all else PaymentStatus.CAPTURED
            return {**row, "payment_status": status}
        case ShipmentBooked():
            booked: OrderRow = {**row, "shipment_status": ShipmentStatus.BOOKED}
            return {**booked, "tracking_number": payload.tracking_number}
    return {
        **row,
        "payment_status": _PAYMENT.get(type(payload), row["payment_status"]),
        "shipment_status": _SHIPMENT.get(type(payload), row["shipment_status"]),
    }


def _placed(id: str, event: OrderPlaced, time: datetime) -> OrderRow:
    lines = [
        OrderLine(item_id=line.item_id, name=line.name, quantity=line.quantity, unit_price=line.unit_price)
        for line in event.lines
    ]
    return OrderRow(
        id=id,
        customer_id=event.customer_id,
        customer_name=event.customer_name,
        address=event.address,
        lines=lines,
        total=event.total,
        currency=event.currency,
        status=OrderStatus.PLACED,
        is_withdrawn=False,
        code=None,
        payment_status=None,
        shipment_status=None,
        tracking_number=None,
        placed_at=time,
        finished_at=None,
    )


view = View(
    context=context,
    row=OrderRow,
    key=_key,
    apply=_apply,
    also_reads=(payments, shipments),
    filters=(
        "customer_id",
        "customer_name",
        "status",
        "code",
        "payment_status",
        "shipment_status",
        "tracking_number",
        "total",
        "currency",
        "placed_at",
        "finished_at",
    ),
    orders=("customer_name", "total", "placed_at", "finished_at"),
    indexes=(("status", "-placed_at"), ("customer_id", "-placed_at")),
    search=("customer_name",),
    links=(
        ToOne("lines.item", "stock_items", by="item_id"),
        ToMany("payments", "payments", by="order_id"),
        ToMany("shipments", "shipments", by="order_id"),
    ),
    description="An order of a customer.",
)
