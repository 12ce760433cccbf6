"""What may be done with the payment of an order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.payments.aggregate import Payment
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
    AuthorisationRequested,
    CaptureFailed,
    CaptureRequested,
    PaymentAuthorised,
    PaymentCancelled,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
    RefundRequested,
    VoidRequested,
)
from domain.testing import given
from projections.testing import History
from projections.views import payments

ID, ORDER = "payment-1", "order-1"
REQUESTED = AuthorisationRequested(order_id=ORDER, amount=500, currency="EUR")
AUTHORISED = PaymentAuthorised(order_id=ORDER, amount=500, authorisation="a-1")
CAPTURING = CaptureRequested(order_id=ORDER, amount=500)
CAPTURED = PaymentCaptured(order_id=ORDER, amount=500)
VOIDING = VoidRequested(order_id=ORDER)
WAITS = [[REQUESTED], [REQUESTED, AUTHORISED, CAPTURING], [REQUESTED, AUTHORISED, VOIDING]]


def payment(*history: Any) -> Any:
    """A payment with this history."""
    return given(Payment, *history)


def test_a_payment_is_authorised_then_captured() -> None:
    """Each step waits for the provider's answer in a pending state."""
    payment().when(AuthorisePayment(order_id=ORDER, amount=500, currency="EUR")).then(REQUESTED)
    payment(REQUESTED).when(RecordAuthorisation(id=ID, authorisation="a-1")).then(AUTHORISED)
    payment(REQUESTED, AUTHORISED).when(CapturePayment(id=ID)).then(CAPTURING)
    payment(REQUESTED, AUTHORISED, CAPTURING).when(RecordCapture(id=ID)).then(CAPTURED)


@pytest.mark.parametrize("history", WAITS)
def test_a_payment_that_waits_for_the_provider_is_locked(history: list[Any]) -> None:
    """No other step begins in a pending state."""
    payment(*history).when(RefundPayment(id=ID)).then_refused(containing="only one that is CAPTURED")
    payment(REQUESTED).when(CapturePayment(id=ID)).then_refused(containing="AUTHORISING")
    payment(REQUESTED, AUTHORISED, CAPTURING).when(VoidPayment(id=ID)).then_refused(containing="CAPTURING")


def test_a_payment_without_an_answer_is_given_back() -> None:
    """The provider may have carried the request out, so the payment fails and is voided at once."""
    payment(REQUESTED).when(RecordNoAnswer(id=ID)).then(
        PaymentDeclined(order_id=ORDER, code="TIMED_OUT"), VOIDING
    )
    payment(REQUESTED, AUTHORISED, CAPTURING).when(RecordNoAnswer(id=ID)).then(
        CaptureFailed(order_id=ORDER, code="TIMED_OUT"), VOIDING
    )
    payment(REQUESTED, AUTHORISED, VOIDING).when(VoidPayment(id=ID)).then_nothing()


def test_a_payment_that_was_not_captured_is_voided() -> None:
    """After a failed capture the amount is still held."""
    failed = CaptureFailed(order_id=ORDER, code="limit")
    payment(REQUESTED, AUTHORISED, CAPTURING).when(RecordCaptureFailure(id=ID, code="limit")).then(failed)
    payment(REQUESTED, AUTHORISED, CAPTURING, failed).when(VoidPayment(id=ID)).then(VOIDING)
    payment(REQUESTED, AUTHORISED, VOIDING).when(RecordVoid(id=ID)).then(PaymentVoided(order_id=ORDER))


def test_a_captured_payment_is_refunded_in_parts() -> None:
    """The parts are never more than what was captured."""
    captured = [REQUESTED, AUTHORISED, CAPTURING, CAPTURED]
    first = [
        RefundRequested(order_id=ORDER, amount=200),
        PaymentRefunded(order_id=ORDER, amount=200, refunded=200),
    ]
    payment(*captured).when(RefundPayment(id=ID, amount=200)).then(first[0])
    payment(*captured, first[0]).when(RecordRefund(id=ID)).then(first[1])
    payment(*captured, *first).when(RefundPayment(id=ID, amount=301)).then_refused(containing="only 300")
    payment(*captured, *first).when(RefundPayment(id=ID)).then(RefundRequested(order_id=ORDER, amount=300))


def test_a_payment_is_cancelled_at_any_time() -> None:
    """What is held is voided, what was collected refunded, and what is under way after its answer."""
    cancel, cancelled = CancelPayment(id=ID), PaymentCancelled(order_id=ORDER)
    payment(REQUESTED, AUTHORISED).when(cancel).then(cancelled, VOIDING)
    captured = payment(REQUESTED, AUTHORISED, CAPTURING, CAPTURED)
    captured.when(cancel).then(cancelled, RefundRequested(order_id=ORDER, amount=500))
    payment(REQUESTED).when(cancel).then(cancelled)
    payment(REQUESTED, cancelled).when(cancel).then_nothing()
    payment(REQUESTED, cancelled).when(RecordAuthorisation(id=ID, authorisation="a-1")).then(
        AUTHORISED, VOIDING
    )
    payment(REQUESTED, AUTHORISED, CAPTURING, cancelled).when(RecordCapture(id=ID)).then(
        CAPTURED, RefundRequested(order_id=ORDER, amount=500)
    )
    payment(REQUESTED, PaymentDeclined(order_id=ORDER, code="no")).when(cancel).then_nothing()


COMMANDS = st.one_of(
    st.sampled_from(
        [
            CapturePayment(id=ID),
            VoidPayment(id=ID),
            CancelPayment(id=ID),
            RefundPayment(id=ID),
            RecordAuthorisation(id=ID, authorisation="a-1"),
            RecordDecline(id=ID, code="no"),
            RecordCapture(id=ID),
            RecordCaptureFailure(id=ID, code="no"),
            RecordNoAnswer(id=ID),
            RecordVoid(id=ID),
            RecordRefund(id=ID),
        ]
    ),
    st.builds(RefundPayment, id=st.just(ID), amount=st.integers(1, 400)),
)


@for_all(st.lists(COMMANDS, max_size=30))
def test_no_more_is_captured_than_authorised_and_no_more_refunded_than_captured(commands: list[Any]) -> None:
    """After any commands the amounts are in order, it is captured once at most, and the view agrees."""
    history: list[Any] = [REQUESTED]
    for command in commands:
        history += payment(*history).when(command).events
    captured = sum(event.amount for event in history if isinstance(event, PaymentCaptured))
    refunded = sum(event.amount for event in history if isinstance(event, PaymentRefunded))
    authorised = sum(event.amount for event in history if isinstance(event, PaymentAuthorised))
    assert refunded <= captured <= authorised <= 500
    state = Payment().evolve_all(history)
    row = History().add(ID, *history).rows(payments.view)[ID]
    assert (row["status"], row["captured"], row["refunded"]) == (state.status, captured, refunded)
