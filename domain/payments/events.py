"""Events of payments. Each names the order, so that no reader has to look it up.

An event that ends in `_requested` opens a pending state: the payment waits for the outside port, and refuses
whatever does not fit in the meantime.
"""

from __future__ import annotations

from enum import StrEnum

from domain.kernel import Event
from domain.kernel.fields import Int64

TIMED_OUT = "TIMED_OUT"
"""The code of a request without an answer in time."""


class PaymentStatus(StrEnum):
    """How far a payment has come. DECLINED, VOIDED and REFUNDED are final."""

    AUTHORISING = "AUTHORISING"
    AUTHORISED = "AUTHORISED"
    DECLINED = "DECLINED"
    CAPTURING = "CAPTURING"
    CAPTURED = "CAPTURED"
    VOIDING = "VOIDING"
    VOIDED = "VOIDED"
    REFUNDING = "REFUNDING"
    REFUNDED = "REFUNDED"


class AuthorisationRequested(Event, type="payment.authorisation_requested"):
    """An amount is to be held for an order."""

    order_id: str
    amount: Int64
    currency: str


class PaymentAuthorised(Event, type="payment.authorised"):
    """The amount is held; `authorisation` is the provider's reference."""

    order_id: str
    amount: Int64
    authorisation: str


class PaymentDeclined(Event, type="payment.declined"):
    """The amount is not held: it was refused with the provider's code, or nothing came back in time."""

    order_id: str
    code: str


class CaptureRequested(Event, type="payment.capture_requested"):
    """The amount that is held is to be collected."""

    order_id: str
    amount: Int64


class PaymentCaptured(Event, type="payment.captured"):
    """The amount was collected."""

    order_id: str
    amount: Int64


class CaptureFailed(Event, type="payment.capture_failed"):
    """The amount was not collected: it was refused with the provider's code, or nothing came back in time."""

    order_id: str
    code: str


class VoidRequested(Event, type="payment.void_requested"):
    """What is held or may have been collected is to be given back."""

    order_id: str


class PaymentVoided(Event, type="payment.voided"):
    """Nothing is held or collected any more."""

    order_id: str


class PaymentCancelled(Event, type="payment.cancelled"):
    """Whatever the provider still does for the payment is to be given back."""

    order_id: str


class RefundRequested(Event, type="payment.refund_requested"):
    """A part of what was collected, or all of it, is to be given back."""

    order_id: str
    amount: Int64


class PaymentRefunded(Event, type="payment.refunded"):
    """An amount was given back; `refunded` is the sum of all refunds."""

    order_id: str
    amount: Int64
    refunded: Int64
