"""Events of shipments. Each names the order, so that no reader has to look it up."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from domain.inventory.commands import Quantity
from domain.kernel import Event
from domain.kernel.fields import Identifier

TIMED_OUT = "TIMED_OUT"
"""The code of a booking without an answer in time."""


class ShipmentStatus(StrEnum):
    """How far a shipment has come. FAILED, CANCELLED and DELIVERED are final."""

    BOOKING = "BOOKING"
    BOOKED = "BOOKED"
    FAILED = "FAILED"
    IN_TRANSIT = "IN_TRANSIT"
    DELIVERED = "DELIVERED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"


class ShipmentItem(BaseModel):
    """An item, and how many of it are shipped."""

    item_id: Annotated[Identifier, Field(description="The item, as in stock-lamp.")]
    quantity: Quantity


class ShipmentCreated(Event, type="shipment.created"):
    """A shipment is to be booked with the carrier."""

    order_id: str
    address: str
    items: list[ShipmentItem]


class ShipmentBooked(Event, type="shipment.booked"):
    """The carrier takes the shipment, under its tracking number."""

    order_id: str
    tracking_number: str


class ShipmentFailed(Event, type="shipment.failed"):
    """The shipment is not booked: the carrier refused it with a code, or did not answer in time."""

    order_id: str
    code: str


class ShipmentMoved(Event, type="shipment.moved"):
    """The shipment was seen at a place on its way."""

    order_id: str
    place: str


class ShipmentDelivered(Event, type="shipment.delivered"):
    """The customer has the shipment."""

    order_id: str


class ShipmentWithdrawn(Event, type="shipment.withdrawn"):
    """The shipment is not wanted any more. If the carrier takes it, its booking is cancelled."""

    order_id: str


class CancellationRequested(Event, type="shipment.cancellation_requested"):
    """The carrier is to give the booking up, if there is one."""

    order_id: str


class ShipmentCancelled(Event, type="shipment.cancelled"):
    """The carrier has no booking any more."""

    order_id: str
