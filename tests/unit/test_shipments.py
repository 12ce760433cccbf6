"""What may be done with the shipment of an order."""

from __future__ import annotations

from typing import Any

from domain.shipments.aggregate import Shipment
from domain.shipments.commands import (
    CancelShipment,
    CreateShipment,
    RecordBooking,
    RecordBookingFailure,
    RecordCancellation,
    RecordNoBookingAnswer,
    ReportDelivery,
    ReportMovement,
)
from domain.shipments.events import (
    CancellationRequested,
    ShipmentBooked,
    ShipmentCancelled,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentFailed,
    ShipmentItem,
    ShipmentMoved,
    ShipmentStatus,
    ShipmentWithdrawn,
)
from domain.testing import NOON, given
from projections.testing import History
from projections.views import shipments

ID, ORDER, LAMP = "shipment-1", "order-1", "stock-lamp"
CREATED = ShipmentCreated(
    order_id=ORDER, address="Rue 1, Nice", items=[ShipmentItem(item_id=LAMP, quantity=1)]
)
BOOKED = ShipmentBooked(order_id=ORDER, tracking_number="T-1")
MOVED = ShipmentMoved(order_id=ORDER, place="Lyon")
DELIVERED = ShipmentDelivered(order_id=ORDER)
CANCELLING = CancellationRequested(order_id=ORDER)
CANCELLED = ShipmentCancelled(order_id=ORDER)


def shipment(*history: Any) -> Any:
    """A shipment with this history."""
    return given(Shipment, *history)


def test_a_shipment_is_booked_tracked_and_delivered() -> None:
    """It is delivered once, and only after it was booked."""
    items = [ShipmentItem(item_id=LAMP, quantity=1)]
    create = CreateShipment(order_id=ORDER, address="Rue 1, Nice", items=items)
    shipment().when(create).then(CREATED)
    shipment(CREATED).when(RecordBooking(id=ID, tracking_number="T-1")).then(BOOKED)
    shipment(CREATED, BOOKED).when(ReportMovement(id=ID, place="Lyon")).then(MOVED)
    shipment(CREATED, BOOKED, MOVED).when(ReportDelivery(id=ID)).then(DELIVERED)
    shipment(CREATED, BOOKED, MOVED, DELIVERED).when(ReportDelivery(id=ID)).then_nothing()
    shipment(CREATED).when(ReportMovement(id=ID, place="Lyon")).then_refused(containing="BOOKING")


def test_a_shipment_that_the_carrier_refuses_has_failed() -> None:
    """A later answer changes nothing."""
    failed = ShipmentFailed(order_id=ORDER, code="too_heavy")
    shipment(CREATED).when(RecordBookingFailure(id=ID, code="too_heavy")).then(failed)
    shipment(CREATED, failed).when(RecordBooking(id=ID, tracking_number="T-1")).then_nothing()
    shipment(CREATED, failed).when(CancelShipment(id=ID)).then_nothing()


def test_a_booking_without_an_answer_is_cancelled() -> None:
    """The carrier may have taken the shipment."""
    shipment(CREATED).when(RecordNoBookingAnswer(id=ID)).then(
        ShipmentFailed(order_id=ORDER, code="TIMED_OUT"), CANCELLING
    )


def test_a_booked_shipment_is_cancelled_until_it_is_on_its_way() -> None:
    """The cancellation waits for the carrier."""
    shipment(CREATED, BOOKED).when(CancelShipment(id=ID)).then(CANCELLING)
    shipment(CREATED, BOOKED, CANCELLING).when(CancelShipment(id=ID)).then_nothing()
    shipment(CREATED, BOOKED, CANCELLING).when(RecordCancellation(id=ID)).then(CANCELLED)
    shipment(CREATED, BOOKED, MOVED).when(CancelShipment(id=ID)).then_refused(containing="IN_TRANSIT")


def test_a_shipment_that_waits_for_the_carrier_is_cancelled_after_the_answer() -> None:
    """The carrier may take it at the same moment."""
    withdrawn = ShipmentWithdrawn(order_id=ORDER)
    shipment(CREATED).when(CancelShipment(id=ID)).then(withdrawn)
    shipment(CREATED, withdrawn).when(CancelShipment(id=ID)).then_nothing()
    shipment(CREATED, withdrawn).when(RecordBooking(id=ID, tracking_number="T-1")).then(BOOKED, CANCELLING)


def test_the_view_shows_where_a_shipment_is() -> None:
    """The row follows each event of the shipment."""
    history = History().add(ID, CREATED).add(ID, BOOKED).add(ID, MOVED).add(ID, DELIVERED)
    row = history.rows(shipments.view)[ID]
    assert (row["status"], row["delivered_at"]) == (ShipmentStatus.DELIVERED, NOON)
    assert (row["tracking_number"], row["place"], row["code"]) == ("T-1", "Lyon", None)
    ended = History().add(ID, CREATED).add(ID, BOOKED).add(ID, CANCELLING).add(ID, CANCELLED)
    assert ended.rows(shipments.view)[ID]["status"] == ShipmentStatus.CANCELLED
