"""Commands of shipments."""

from __future__ import annotations

from pydantic import Field

from domain.kernel import ChangeCommand, CreateCommand
from domain.kernel.fields import Identifier, Name, Text
from domain.shipments.events import ShipmentItem


class CreateShipment(CreateCommand):
    """Books the shipment of an order with the carrier."""

    order_id: Identifier = Field(description="The order that is shipped.")
    address: Text = Field(min_length=1, description="Where it goes.")
    items: list[ShipmentItem] = Field(min_length=1, max_length=100)


class CancelShipment(ChangeCommand):
    """Gives the booking up; while the shipment waits for the carrier, after the answer.

    It is refused once the shipment is on its way.
    """


class RecordBooking(ChangeCommand):
    """Records that the carrier takes the shipment."""

    tracking_number: Name


class RecordBookingFailure(ChangeCommand):
    """Records that the carrier does not take the shipment."""

    code: Name = Field(description="The carrier's code.")


class RecordNoBookingAnswer(ChangeCommand):
    """Records that the carrier has not answered in time.

    It may have taken the shipment. The shipment counts as failed, and its booking is cancelled.
    """


class RecordCancellation(ChangeCommand):
    """Records that the carrier has no booking any more."""


class ReportMovement(ChangeCommand):
    """Reports where the shipment was seen on its way."""

    place: Name


class ReportDelivery(ChangeCommand):
    """Reports that the customer has the shipment."""
