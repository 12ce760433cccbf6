"""The rules of one payment.

AUTHORISING -> AUTHORISED | DECLINED
AUTHORISED -> CAPTURING -> CAPTURED, or AUTHORISED again if the capture fails
AUTHORISED -> VOIDING -> VOIDED
AUTHORISING | CAPTURING -> VOIDING if the provider does not answer in time
CAPTURED -> REFUNDING -> REFUNDED, or CAPTURED again after a partial refund
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, assert_never

from domain.kernel import Aggregate, Facts, InvariantViolated
from domain.payments.commands import (
    AuthorisePayment,
    CancelPayment,
    CapturePayment,
    RecordAuthorisation,
    RecordCapture,
    RecordCaptureFailure,
    RecordDecline,
    RecordNoAnswer,
    RecordRefund,
    RecordVoid,
    RefundPayment,
    VoidPayment,
)
from domain.payments.events import (
    TIMED_OUT,
    AuthorisationRequested,
    CaptureFailed,
    CaptureRequested,
    PaymentAuthorised,
    PaymentCancelled,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentStatus,
    PaymentVoided,
    RefundRequested,
    VoidRequested,
)

ProviderAnswer = (
    RecordAuthorisation
    | RecordDecline
    | RecordCapture
    | RecordCaptureFailure
    | RecordNoAnswer
    | RecordVoid
    | RecordRefund
)
PaymentCommand = (
    AuthorisePayment | CapturePayment | VoidPayment | RefundPayment | CancelPayment | ProviderAnswer
)
PaymentEvent = (
    AuthorisationRequested
    | PaymentAuthorised
    | PaymentDeclined
    | CaptureRequested
    | PaymentCaptured
    | CaptureFailed
    | VoidRequested
    | PaymentVoided
    | PaymentCancelled
    | RefundRequested
    | PaymentRefunded
)

_FINAL = frozenset({PaymentStatus.DECLINED, PaymentStatus.VOIDED, PaymentStatus.REFUNDED})


@dataclass(frozen=True, slots=True)
class Payment(Aggregate[PaymentCommand, PaymentEvent]):
    """A payment; `refunding` is the amount of the refund that is under way."""

    category: ClassVar[str] = "payment"

    status: PaymentStatus = PaymentStatus.AUTHORISING
    order_id: str = ""
    amount: int = 0
    captured: int = 0
    refunded: int = 0
    refunding: int = 0
    is_cancelled: bool = False

    def decide(self, command: PaymentCommand, facts: Facts) -> Sequence[PaymentEvent]:
        match command:
            case AuthorisePayment(order_id=order, amount=amount, currency=currency):
                return [AuthorisationRequested(order_id=order, amount=amount, currency=currency)]
            case CapturePayment():
                return self._capture()
            case VoidPayment():
                return self._void()
            case RefundPayment(amount=amount):
                return self._refund(amount)
            case CancelPayment():
                return self._cancel()
            case _:
                return self._record(command)

    def evolve(self, event: PaymentEvent) -> Payment:
        match event:
            case AuthorisationRequested(order_id=order, amount=amount):
                return replace(self, order_id=order, amount=amount)
            case PaymentAuthorised() | CaptureFailed():
                return replace(self, status=PaymentStatus.AUTHORISED)
            case PaymentDeclined():
                return replace(self, status=PaymentStatus.DECLINED)
            case CaptureRequested():
                return replace(self, status=PaymentStatus.CAPTURING)
            case PaymentCaptured(amount=amount):
                return replace(self, status=PaymentStatus.CAPTURED, captured=amount)
            case VoidRequested():
                return replace(self, status=PaymentStatus.VOIDING)
            case PaymentVoided():
                return replace(self, status=PaymentStatus.VOIDED)
            case PaymentCancelled():
                return replace(self, is_cancelled=True)
            case RefundRequested(amount=amount):
                return replace(self, status=PaymentStatus.REFUNDING, refunding=amount)
            case PaymentRefunded(refunded=refunded):
                is_all = refunded == self.captured
                status = PaymentStatus.REFUNDED if is_all else PaymentStatus.CAPTURED
                return replace(self, status=status, refunded=refunded, refunding=0)
            case _:
                assert_never(event)

    def _capture(self) -> Sequence[PaymentEvent]:
        if self.status in (PaymentStatus.CAPTURING, PaymentStatus.CAPTURED):
            return []
        self._require(PaymentStatus.AUTHORISED, "captured")
        return [CaptureRequested(order_id=self.order_id, amount=self.amount)]

    def _void(self) -> Sequence[PaymentEvent]:
        if self.status in (PaymentStatus.DECLINED, PaymentStatus.VOIDING, PaymentStatus.VOIDED):
            return []
        self._require(PaymentStatus.AUTHORISED, "voided")
        return [VoidRequested(order_id=self.order_id)]

    def _refund(self, amount: int | None) -> Sequence[PaymentEvent]:
        if amount is None and self.status in (PaymentStatus.REFUNDING, PaymentStatus.REFUNDED):
            return []
        self._require(PaymentStatus.CAPTURED, "refunded")
        left = self.captured - self.refunded
        if amount is not None and amount > left:
            raise InvariantViolated(f"only {left} of the {self.captured} that were captured can be refunded")
        return [RefundRequested(order_id=self.order_id, amount=left if amount is None else amount)]

    def _cancel(self) -> Sequence[PaymentEvent]:
        if self.is_cancelled or self.status in _FINAL:
            return []
        return [PaymentCancelled(order_id=self.order_id), *self._given_back()]

    def _given_back(self) -> Sequence[PaymentEvent]:
        """Return the request to give back what is held or collected; none while a request is under way."""
        match self.status:
            case PaymentStatus.AUTHORISED:
                return [VoidRequested(order_id=self.order_id)]
            case PaymentStatus.CAPTURED:
                return [RefundRequested(order_id=self.order_id, amount=self.captured - self.refunded)]
        return []

    def _record(self, answer: ProviderAnswer) -> Sequence[PaymentEvent]:
        """Return the events of an answer of the provider; none if the payment does not wait for it."""
        events = self._answered(answer)
        after = self.evolve_all(events)
        return [*events, *after._given_back()] if events and self.is_cancelled else events

    def _answered(self, answer: ProviderAnswer) -> Sequence[PaymentEvent]:
        order = self.order_id
        match (answer, self.status):
            case (RecordAuthorisation(authorisation=reference), PaymentStatus.AUTHORISING):
                return [PaymentAuthorised(order_id=order, amount=self.amount, authorisation=reference)]
            case (RecordDecline(code=code), PaymentStatus.AUTHORISING):
                return [PaymentDeclined(order_id=order, code=code)]
            case (RecordCapture(), PaymentStatus.CAPTURING):
                return [PaymentCaptured(order_id=order, amount=self.amount)]
            case (RecordCaptureFailure(code=code), PaymentStatus.CAPTURING):
                return [CaptureFailed(order_id=order, code=code)]
            case (RecordNoAnswer(), PaymentStatus.AUTHORISING):
                return [PaymentDeclined(order_id=order, code=TIMED_OUT), VoidRequested(order_id=order)]
            case (RecordNoAnswer(), PaymentStatus.CAPTURING):
                return [CaptureFailed(order_id=order, code=TIMED_OUT), VoidRequested(order_id=order)]
            case (RecordVoid(), PaymentStatus.VOIDING):
                return [PaymentVoided(order_id=order)]
            case (RecordRefund(), PaymentStatus.REFUNDING):
                refunded = self.refunded + self.refunding
                return [PaymentRefunded(order_id=order, amount=self.refunding, refunded=refunded)]
        return []

    def _require(self, status: PaymentStatus, wanted: str) -> None:
        if self.status is not status:
            raise InvariantViolated(
                f"the payment is {self.status}; only one that is {status} can be {wanted}"
            )
