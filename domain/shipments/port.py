"""The outside port `shipping`: what the carrier is asked for. Pure."""

from __future__ import annotations

from domain.kernel.fields import Identifier, Text
from domain.process import Reply, Request
from domain.shipments.events import ShipmentItem


class Booked(Reply):
    """The carrier takes the shipment."""

    tracking_number: str


class BookingCancelled(Reply):
    """The carrier has no booking of the shipment any more."""


class Book(Request[Booked], port="shipping"):
    """Take a shipment to an address."""

    shipment_id: Identifier
    address: Text
    items: list[ShipmentItem]


class CancelBooking(Request[BookingCancelled], port="shipping"):
    """Give up the booking of a shipment, and take none for it any more."""

    shipment_id: Identifier
