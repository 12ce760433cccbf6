"""The rules of the stock of one item: what is reserved is on hand, and available to nobody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, assert_never

from domain.inventory.commands import CommitStock, CountStock, ReceiveStock, ReleaseStock, ReserveStock
from domain.inventory.events import (
    StockCommitted,
    StockCounted,
    StockReceived,
    StockRefused,
    StockReleased,
    StockReserved,
)
from domain.kernel import Aggregate, Facts, InvariantViolated

StockCommand = ReceiveStock | CountStock | ReserveStock | ReleaseStock | CommitStock
StockEvent = StockReceived | StockCounted | StockReserved | StockRefused | StockReleased | StockCommitted


@dataclass(frozen=True, slots=True)
class Stock(Aggregate[StockCommand, StockEvent]):
    """The stock of an item, with the reserved quantities by reservation."""

    category: ClassVar[str] = "stock"

    on_hand: int = 0
    reservations: Mapping[str, int] = field(default_factory=dict)

    @property
    def reserved(self) -> int:
        return sum(self.reservations.values())

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved

    def decide(self, command: StockCommand, facts: Facts) -> Sequence[StockEvent]:
        match command:
            case ReceiveStock(quantity=quantity, name=name):
                return [StockReceived(name=name, quantity=quantity, on_hand=self.on_hand + quantity)]
            case CountStock():
                return self._count(command)
            case ReserveStock():
                return self._reserve(command)
            case ReleaseStock():
                return self._release(command)
            case CommitStock():
                return self._commit(command)
            case _:
                assert_never(command)

    def evolve(self, event: StockEvent) -> Stock:
        match event:
            case StockReceived() | StockCounted():
                return replace(self, on_hand=event.on_hand)
            case StockReserved():
                return replace(self, reservations={**self.reservations, event.reservation_id: event.quantity})
            case StockRefused():
                return self
            case StockReleased():
                return replace(self, reservations=self._without(event.reservation_id))
            case StockCommitted():
                return replace(self, on_hand=event.on_hand, reservations=self._without(event.reservation_id))
            case _:
                assert_never(event)

    def _count(self, command: CountStock) -> Sequence[StockEvent]:
        if command.on_hand < self.reserved:
            raise InvariantViolated(
                f"{self.reserved} are reserved, so {command.on_hand} cannot be all that is on hand; cancel "
                "orders first"
            )
        if command.on_hand == self.on_hand:
            return []
        return [StockCounted(on_hand=command.on_hand, reason=command.reason)]

    def _reserve(self, command: ReserveStock) -> Sequence[StockEvent]:
        reservation, quantity = command.reservation_id, command.quantity
        if reservation in self.reservations:
            return []
        if quantity > self.available:
            return [StockRefused(reservation_id=reservation, quantity=quantity, available=self.available)]
        reserved = self.reserved + quantity
        return [StockReserved(reservation_id=reservation, quantity=quantity, reserved=reserved)]

    def _release(self, command: ReleaseStock) -> Sequence[StockEvent]:
        quantity = self.reservations.get(command.reservation_id)
        if quantity is None:
            return []
        released = StockReleased(
            reservation_id=command.reservation_id, quantity=quantity, reserved=self.reserved - quantity
        )
        return [released]

    def _commit(self, command: CommitStock) -> Sequence[StockEvent]:
        quantity = self.reservations.get(command.reservation_id)
        if quantity is None:
            return []
        committed = StockCommitted(
            reservation_id=command.reservation_id,
            quantity=quantity,
            on_hand=self.on_hand - quantity,
            reserved=self.reserved - quantity,
        )
        return [committed]

    def _without(self, reservation: str) -> Mapping[str, int]:
        return {other: quantity for other, quantity in self.reservations.items() if other != reservation}
