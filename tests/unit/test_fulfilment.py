"""Orders are fulfilled, or everything is undone, whatever fails, in either style."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.orders.events import OrderStatus
from domain.payments.events import PaymentStatus
from domain.reservations.events import ReservationStatus
from domain.shipments.events import ShipmentStatus
from tests.helpers.fulfilment_runs import (
    STYLES,
    FinalState,
    OrderRun,
    Style,
    simulate,
)
from tests.helpers.order_services import Verdict

FAILING = ("Authorise", "Capture", "Book", "Notify")

RUNS = st.builds(
    OrderRun,
    items=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9)), min_size=1, max_size=3),
    verdicts=st.dictionaries(st.sampled_from(FAILING), st.sampled_from(Verdict), max_size=2),
    is_withdrawn=st.booleans(),
)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_an_order_without_failures_is_confirmed(style: Style) -> None:
    """It is paid, its items leave the stock, and the carrier takes them."""
    (state,) = simulate(style, [OrderRun([(2, 5), (1, 1)])], seed=1)
    assert state == FinalState(
        order=OrderStatus.CONFIRMED,
        code=None,
        reservation=ReservationStatus.COMMITTED,
        payment=PaymentStatus.CAPTURED,
        shipment=ShipmentStatus.BOOKED,
        held=0,
        collected=300,
        is_booked=True,
        stock=((3, 0), (0, 0)),
    )


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
@pytest.mark.parametrize(
    ("verdicts", "code", "payment", "shipment"),
    [
        ({"Authorise": Verdict.REFUSED}, "refused", PaymentStatus.DECLINED, None),
        ({"Authorise": Verdict.DONE_IN_SILENCE}, "TIMED_OUT", PaymentStatus.VOIDED, None),
        ({"Capture": Verdict.REFUSED}, "refused", PaymentStatus.VOIDED, None),
        ({"Capture": Verdict.UNREACHED}, "TIMED_OUT", PaymentStatus.VOIDED, None),
        ({"Book": Verdict.REFUSED}, "refused", PaymentStatus.REFUNDED, ShipmentStatus.FAILED),
        ({"Book": Verdict.DONE_IN_SILENCE}, "TIMED_OUT", PaymentStatus.REFUNDED, ShipmentStatus.CANCELLED),
    ],
)
def test_a_failed_step_undoes_those_before_it(
    style: Style,
    verdicts: dict[str, Verdict],
    code: str,
    payment: PaymentStatus,
    shipment: ShipmentStatus | None,
) -> None:
    """The order is cancelled with the code of what failed."""
    (state,) = simulate(style, [OrderRun([(2, 5)], verdicts)], seed=2)
    assert (state.order, state.code) == (OrderStatus.CANCELLED, code)
    assert (state.reservation, state.payment, state.shipment) == (
        ReservationStatus.RELEASED,
        payment,
        shipment,
    )


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_an_item_that_is_not_available_ends_the_order_before_anything_is_paid(style: Style) -> None:
    """The other items are released."""
    (state,) = simulate(style, [OrderRun([(1, 5), (2, 1)])], seed=3)
    assert (state.order, state.code) == (OrderStatus.CANCELLED, "OUT_OF_STOCK")
    assert (state.reservation, state.payment, state.shipment) == (ReservationStatus.REFUSED, None, None)


@settings(max_examples=60, deadline=None)
@given(st.lists(RUNS, min_size=1, max_size=3), st.integers(0, 2**32))
def test_both_styles_lead_to_the_same_final_states(runs: list[OrderRun], seed: int) -> None:
    """In any run of refusals, time-outs, lost replies, doubled deliveries and withdrawals."""
    orchestrated, choreographed = [simulate(style, runs, seed) for style in STYLES]
    assert orchestrated == choreographed
