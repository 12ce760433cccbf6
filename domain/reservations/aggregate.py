"""The rules of one reservation.

REQUESTED -> RESERVED | REFUSED, once each stock has answered
RESERVED -> COMMITTED | RELEASED
REQUESTED -> RELEASED, if it is released before each stock has answered
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, assert_never

from domain.kernel import Aggregate, Facts, InvariantViolated
from domain.reservations.commands import (
    CommitReservation,
    RecordItemRefused,
    RecordItemReserved,
    ReleaseReservation,
    RequestReservation,
)
from domain.reservations.events import (
    ItemRefused,
    ItemReserved,
    ReleaseRequested,
    ReservationCommitted,
    ReservationMade,
    ReservationRefused,
    ReservationReleased,
    ReservationRequested,
    ReservationStatus,
)

ReservationCommand = (
    RequestReservation | RecordItemReserved | RecordItemRefused | ReleaseReservation | CommitReservation
)
ReservationEvent = (
    ReservationRequested
    | ItemReserved
    | ItemRefused
    | ReleaseRequested
    | ReservationMade
    | ReservationRefused
    | ReservationReleased
    | ReservationCommitted
)


@dataclass(frozen=True, slots=True)
class Reservation(Aggregate[ReservationCommand, ReservationEvent]):
    """A reservation; `waiting` are the items whose stock has not answered yet."""

    category: ClassVar[str] = "reservation"

    status: ReservationStatus = ReservationStatus.REQUESTED
    order_id: str = ""
    waiting: frozenset[str] = frozenset()
    reserved: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    release_requested: bool = False

    def decide(self, command: ReservationCommand, facts: Facts) -> Sequence[ReservationEvent]:
        match command:
            case RequestReservation():
                return _request(command)
            case RecordItemReserved():
                return self._answered(command.item_id, ItemReserved(item_id=command.item_id))
            case RecordItemRefused(item_id=item, available=available):
                return self._answered(item, ItemRefused(item_id=item, available=available))
            case ReleaseReservation():
                return self._release()
            case CommitReservation():
                return self._commit()
            case _:
                assert_never(command)

    def evolve(self, event: ReservationEvent) -> Reservation:
        match event:
            case ReservationRequested():
                items = frozenset(item.item_id for item in event.items)
                return replace(self, order_id=event.order_id, waiting=items)
            case ItemReserved(item_id=item):
                return replace(self, waiting=self.waiting - {item}, reserved=(*self.reserved, item))
            case ItemRefused(item_id=item):
                return replace(self, waiting=self.waiting - {item}, refused=(*self.refused, item))
            case ReleaseRequested():
                return replace(self, release_requested=True)
            case ReservationMade():
                return replace(self, status=ReservationStatus.RESERVED)
            case ReservationRefused():
                return replace(self, status=ReservationStatus.REFUSED)
            case ReservationReleased():
                return replace(self, status=ReservationStatus.RELEASED)
            case ReservationCommitted():
                return replace(self, status=ReservationStatus.COMMITTED)
            case _:
                assert_never(event)

    def _answered(self, item: str, answer: ItemReserved | ItemRefused) -> Sequence[ReservationEvent]:
        if item not in self.waiting:
            return []
        after = self.evolve(answer)
        if after.waiting:
            return [answer]
        if after.release_requested:
            return [answer, after._released()]
        if after.refused:
            refused = ReservationRefused(
                order_id=after.order_id, refused=list(after.refused), reserved=list(after.reserved)
            )
            return [answer, refused]
        return [answer, ReservationMade(order_id=after.order_id)]

    def _release(self) -> Sequence[ReservationEvent]:
        match self.status:
            case ReservationStatus.REQUESTED:
                return [] if self.release_requested else [ReleaseRequested()]
            case ReservationStatus.RESERVED:
                return [self._released()]
            case ReservationStatus.COMMITTED:
                raise InvariantViolated("the items have left the warehouse; they cannot be released any more")
            case _:
                return []

    def _released(self) -> ReservationReleased:
        return ReservationReleased(order_id=self.order_id, reserved=list(self.reserved))

    def _commit(self) -> Sequence[ReservationEvent]:
        if self.status is ReservationStatus.COMMITTED:
            return []
        if self.status is not ReservationStatus.RESERVED:
            raise InvariantViolated(f"the reservation is {self.status}; only a RESERVED one can be committed")
        return [ReservationCommitted(order_id=self.order_id, reserved=list(self.reserved))]


def _request(command: RequestReservation) -> Sequence[ReservationEvent]:
    ids = [item.item_id for item in command.items]
    for item in ids:
        if ids.count(item) > 1:
            raise InvariantViolated(f"{item} is listed more than once; add its quantities up")
    return [ReservationRequested(order_id=command.order_id, items=command.items)]
