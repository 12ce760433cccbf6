"""What may be done with an order, and how its row shows its payment and its shipment."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from domain.orders.aggregate import Order
from domain.orders.commands import (
    CancelOrder,
    ConfirmOrder,
    PlaceOrder,
    RecordPaid,
    RecordReserved,
    WithdrawOrder,
)
from domain.orders.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderReserved,
    OrderStatus,
    WithdrawalRequested,
)
from domain.payments.events import AuthorisationRequested, PaymentCaptured, PaymentRefunded, PaymentStatus
from domain.shipments.events import ShipmentBooked, ShipmentStatus
from domain.testing import given
from projections.testing import History
from projections.views import orders

ID = "order-1"
LAMPS = {"item_id": "stock-lamp", "name": "Lamp", "quantity": 2, "unit_price": 1999}
PLACED = OrderPlaced(
    customer_id="c-1",
    customer_name="Ada",
    address="Rue 1, Nice",
    lines=[OrderLine(**LAMPS)],
    total=3998,
    currency="EUR",
)
RESERVED = OrderReserved(total=3998, currency="EUR")
PAID = OrderPaid(address="Rue 1, Nice", lines=[OrderLine(**LAMPS)])
CONFIRMED = OrderConfirmed(customer_id="c-1", customer_name="Ada")
WITHDRAWN = WithdrawalRequested()


def place(**changes: Any) -> PlaceOrder:
    """An order of two lamps, with some fields changed."""
    fields: dict[str, Any] = {
        "customer_id": "c-1",
        "customer_name": "Ada",
        "address": "Rue 1, Nice",
        "lines": [OrderLine(**LAMPS)],
        "currency": "EUR",
    }
    return PlaceOrder(**(fields | changes))


def cancelled(code: str, status: OrderStatus, *, is_booked: bool = False) -> OrderCancelled:
    """The end of an order that was not confirmed."""
    return OrderCancelled(
        customer_id="c-1", customer_name="Ada", code=code, status=status, is_booked=is_booked
    )


def test_the_total_of_an_order_is_the_sum_of_its_lines() -> None:
    """Money is counted in the smallest unit of the currency."""
    given(Order).when(place()).then(PLACED)


def test_an_order_is_refused_if_it_costs_nothing_or_has_an_item_twice() -> None:
    """Nothing could be paid for it, or its stock would answer twice."""
    free = OrderLine(**(LAMPS | {"unit_price": 0}))
    given(Order).when(place(lines=[free])).then_refused(containing="costs nothing")
    twice = [OrderLine(**LAMPS), OrderLine(**LAMPS)]
    given(Order).when(place(lines=twice)).then_refused(containing="more than one line")


@pytest.mark.parametrize(
    "changes", [{"currency": "euro"}, {"lines": []}, {"id": "order-" + "x" * 100}, {"address": ""}]
)
def test_an_order_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    """The id is short enough for those of the payment and the shipment that are made of it."""
    with pytest.raises(ValidationError):
        place(**changes)


def test_an_order_goes_on_step_by_step() -> None:
    """What is recorded again, or late, changes nothing."""
    given(Order, PLACED).when(RecordReserved(id=ID)).then(RESERVED)
    given(Order, PLACED, RESERVED).when(RecordReserved(id=ID)).then_nothing()
    given(Order, PLACED, RESERVED).when(RecordPaid(id=ID)).then(PAID)
    given(Order, PLACED).when(RecordPaid(id=ID)).then_nothing()
    given(Order, PLACED, RESERVED, PAID).when(ConfirmOrder(id=ID)).then(CONFIRMED)
    given(Order, PLACED).when(ConfirmOrder(id=ID)).then(CONFIRMED)


def test_a_cancelled_order_names_what_has_to_be_undone() -> None:
    """Its status before says what was done; what is over stays as it is."""
    given(Order, PLACED, RESERVED).when(CancelOrder(id=ID, code="card_declined")).then(
        cancelled("card_declined", OrderStatus.RESERVED)
    )
    given(Order, PLACED, CONFIRMED).when(CancelOrder(id=ID, code="late")).then_nothing()
    ended = given(Order, PLACED, cancelled("no", OrderStatus.PLACED))
    ended.when(ConfirmOrder(id=ID)).then_nothing()
    ended.when(RecordReserved(id=ID)).then_nothing()


def test_a_withdrawn_order_is_cancelled_instead_of_confirmed() -> None:
    """The withdrawal takes effect when no step is under way."""
    given(Order, PLACED).when(WithdrawOrder(id=ID)).then(WITHDRAWN)
    given(Order, PLACED, WITHDRAWN).when(WithdrawOrder(id=ID)).then_nothing()
    given(Order, PLACED, RESERVED, PAID, WITHDRAWN).when(ConfirmOrder(id=ID)).then(
        cancelled("WITHDRAWN", OrderStatus.PAID, is_booked=True)
    )
    given(Order, PLACED, CONFIRMED).when(WithdrawOrder(id=ID)).then_refused(containing="on its way")


def test_a_row_shows_the_customer_the_items_and_how_payment_and_shipment_stand() -> None:
    """Events of three contexts meet in one row."""
    history = History().add(ID, PLACED)
    history.add("payment-1", AuthorisationRequested(order_id=ID, amount=3998, currency="EUR"))
    history.add("payment-1", PaymentCaptured(order_id=ID, amount=3998))
    history.add("shipment-1", ShipmentBooked(order_id=ID, tracking_number="T-1"))
    row = history.add(ID, CONFIRMED).rows(orders.view)[ID]
    assert (row["customer_name"], row["lines"], row["total"]) == ("Ada", [LAMPS], 3998)
    assert (row["status"], row["payment_status"]) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED)
    assert (row["shipment_status"], row["tracking_number"]) == (ShipmentStatus.BOOKED, "T-1")


def test_a_row_shows_a_full_refund_and_why_the_order_was_cancelled() -> None:
    """A partial refund leaves the payment captured."""
    history = History().add(ID, PLACED).add("payment-1", PaymentCaptured(order_id=ID, amount=3998))
    history.add("payment-1", PaymentRefunded(order_id=ID, amount=98, refunded=98))
    assert history.rows(orders.view)[ID]["payment_status"] == PaymentStatus.CAPTURED
    history.add("payment-1", PaymentRefunded(order_id=ID, amount=3900, refunded=3998))
    row = history.add(ID, cancelled("too_heavy", OrderStatus.PAID)).rows(orders.view)[ID]
    assert (row["payment_status"], row["code"]) == (PaymentStatus.REFUNDED, "too_heavy")
    assert row["status"] == OrderStatus.CANCELLED
