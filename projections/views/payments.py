"""The view `payments`: each payment as it is now."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.kernel import RecordedEvent
from domain.kernel.fields import Int64
from domain.payments import context
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
from projections.kernel import View
from projections.kernel.links import ToOne


class PaymentRow(TypedDict):
    """A payment; amounts are in the smallest unit of the currency. `code` says why it failed."""

    id: str
    order_id: str
    status: PaymentStatus
    amount: Int64
    captured: Int64
    refunded: Int64
    currency: str
    authorisation: str | None
    code: str | None
    requested_at: datetime
    changed_at: datetime


def _apply(id: str, row: PaymentRow | None, event: RecordedEvent) -> PaymentRow | None:
    payload = event.payload
    if isinstance(payload, AuthorisationRequested):
        return _requested(id, payload, event.time)
    if row is None:
        return None
    row = {**row, "changed_at": event.time}
    match payload:
        case PaymentAuthorised():
            return {**row, "status": PaymentStatus.AUTHORISED, "authorisation": payload.authorisation}
        case PaymentDeclined():
            return {**row, "status": PaymentStatus.DECLINED, "code": payload.code}
        case CaptureFailed():
            return {**row, "status": PaymentStatus.AUTHORISED, "code": payload.code}
        case PaymentCaptured():
            return {**row, "status": PaymentStatus.CAPTURED, "captured": payload.amount}
        case PaymentRefunded():
            is_all = payload.refunded == row["captured"]
            status = PaymentStatus.REFUNDED if is_all else PaymentStatus.CAPTURED
            return {**row, "status": status, "refunded": payload.refunded}
        case _:
            return {**row, "status": _STATUSES.get(type(payload), row["status"])}


_STATUSES: dict[type, PaymentStatus] = {
    CaptureRequested: PaymentStatus.CAPTURING,
    VoidRequested: PaymentStatus.VOIDING,
    PaymentVoided: PaymentStatus.VOIDED,
    RefundRequested: PaymentStatus.REFUNDING,
}
"""The status after events that change nothing else."""


def _requested(id: str, event: AuthorisationRequested, time: datetime) -> PaymentRow:
    return PaymentRow(
        id=id,
        order_id=event.order_id,
        status=PaymentStatus.AUTHORISING,
        amount=event.amount,
        captured=0,
        refunded=0,
        currency=event.currency,
        authorisation=None,
        code=None,
        requested_at=time,
        changed_at=time,
    )


view = View(
    context=context,
    row=PaymentRow,
    apply=_apply,
    filters=("order_id", "status", "amount", "currency", "code", "requested_at"),
    orders=("amount", "requested_at", "changed_at"),
    indexes=(("status", "-requested_at"),),
    links=(ToOne("order", "orders", by="order_id"),),
    description="The payment of an order.",
)
