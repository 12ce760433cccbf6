"""The rules of one shipment.

BOOKING -> BOOKED | FAILED
BOOKED -> IN_TRANSIT -> DELIVERED
BOOKED -> CANCELLING -> CANCELLED
BOOKING -> CANCELLING if the carrier does not answer in time
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, assert_never

from domain.kernel import Aggregate, Facts, InvariantViolated
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
    TIMED_OUT,
    CancellationRequested,
    ShipmentBooked,
    ShipmentCancelled,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentFailed,
    ShipmentMoved,
    ShipmentStatus,
    ShipmentWithdrawn,
)

ShipmentCommand = (
    CreateShipment
    | CancelShipment
    | RecordBooking
    | RecordBookingFailure
    | RecordNoBookingAnswer
    | RecordCancellation
    | ReportMovement
    | ReportDelivery
)
ShipmentEvent = (
    ShipmentCreated
    | ShipmentBooked
    | ShipmentFailed
    | ShipmentMoved
    | ShipmentDelivered
    | ShipmentWithdrawn
    | CancellationRequested
    | ShipmentCancelled
)

_UNBOOKED = frozenset({ShipmentStatus.FAILED, ShipmentStatus.CANCELLING, ShipmentStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Shipment(Aggregate[ShipmentCommand, ShipmentEvent]):
    """A shipment on its way from the booking to the customer."""

    category: ClassVar[str] = "shipment"

    status: ShipmentStatus = ShipmentStatus.BOOKING
    order_id: str = ""
    is_withdrawn: bool = False

    def decide(self, command: ShipmentCommand, facts: Facts) -> Sequence[ShipmentEvent]:
        match command:
            case CreateShipment():
                created = ShipmentCreated(
                    order_id=command.order_id, address=command.address, items=command.items
                )
                return [created]
            case CancelShipment():
                return self._cancel()
            case ReportMovement(place=place):
                self._require_booking()
                return [ShipmentMoved(order_id=self.order_id, place=place)]
            case ReportDelivery():
                if self.status is ShipmentStatus.DELIVERED:
                    return []
                self._require_booking()
                return [ShipmentDelivered(order_id=self.order_id)]
            case _:
                return self._record(command)

    def evolve(self, event: ShipmentEvent) -> Shipment:
        match event:
            case ShipmentCreated(order_id=order):
                return replace(self, order_id=order)
            case ShipmentBooked():
                return replace(self, status=ShipmentStatus.BOOKED)
            case ShipmentFailed():
                return replace(self, status=ShipmentStatus.FAILED)
            case ShipmentMoved():
                return replace(self, status=ShipmentStatus.IN_TRANSIT)
            case ShipmentDelivered():
                return replace(self, status=ShipmentStatus.DELIVERED)
            case ShipmentWithdrawn():
                return replace(self, is_withdrawn=True)
            case CancellationRequested():
                return replace(self, status=ShipmentStatus.CANCELLING)
            case ShipmentCancelled():
                return replace(self, status=ShipmentStatus.CANCELLED)
            case _:
                assert_never(event)

    def _cancel(self) -> Sequence[ShipmentEvent]:
        if self.status in _UNBOOKED or self.is_withdrawn:
            return []
        if self.status is ShipmentStatus.BOOKING:
            return [ShipmentWithdrawn(order_id=self.order_id)]
        if self.status is not ShipmentStatus.BOOKED:
            raise InvariantViolated(f"the shipment is {self.status}; only a BOOKED one can be cancelled")
        return [CancellationRequested(order_id=self.order_id)]

    def _record(
        self, command: RecordBooking | RecordBookingFailure | RecordNoBookingAnswer | RecordCancellation
    ) -> Sequence[ShipmentEvent]:
        """Return the events of an answer of the carrier; none if the shipment does not wait for it."""
        order = self.order_id
        match (command, self.status):
            case (RecordBooking(tracking_number=number), ShipmentStatus.BOOKING):
                booked = ShipmentBooked(order_id=order, tracking_number=number)
                return [booked, CancellationRequested(order_id=order)] if self.is_withdrawn else [booked]
            case (RecordBookingFailure(code=code), ShipmentStatus.BOOKING):
                return [ShipmentFailed(order_id=order, code=code)]
            case (RecordNoBookingAnswer(), ShipmentStatus.BOOKING):
                failed = ShipmentFailed(order_id=order, code=TIMED_OUT)
                return [failed, CancellationRequested(order_id=order)]
            case (RecordCancellation(), ShipmentStatus.CANCELLING):
                return [ShipmentCancelled(order_id=order)]
        return []

    def _require_booking(self) -> None:
        if self.status not in (ShipmentStatus.BOOKED, ShipmentStatus.IN_TRANSIT):
            raise InvariantViolated(f"the shipment is {self.status}; only one that is booked moves")
