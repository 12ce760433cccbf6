"""The rules of one order.

PLACED -> RESERVED -> PAID -> CONFIRMED
any of the first three -> CONFIRMED | CANCELLED
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, assert_never

from domain.kernel import Aggregate, Facts, InvariantViolated
from domain.orders.commands import (
    CancelOrder,
    ConfirmOrder,
    PlaceOrder,
    RecordPaid,
    RecordReserved,
    WithdrawOrder,
)
from domain.orders.events import (
    WITHDRAWN,
    OrderCancelled,
    OrderConfirmed,
    OrderPaid,
    OrderPlaced,
    OrderReserved,
    OrderStatus,
    WithdrawalRequested,
)

OrderCommand = PlaceOrder | WithdrawOrder | RecordReserved | RecordPaid | ConfirmOrder | CancelOrder
OrderEvent = OrderPlaced | WithdrawalRequested | OrderReserved | OrderPaid | OrderConfirmed | OrderCancelled

_FINAL = frozenset({OrderStatus.CONFIRMED, OrderStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Order(Aggregate[OrderCommand, OrderEvent]):
    """An order on its way from placed to confirmed or cancelled."""

    category: ClassVar[str] = "order"

    status: OrderStatus = OrderStatus.PLACED
    placed: OrderPlaced | None = None
    is_withdrawn: bool = False

    def decide(self, command: OrderCommand, facts: Facts) -> Sequence[OrderEvent]:
        if isinstance(command, PlaceOrder):
            return [_placed(command)]
        if self.placed is None or (self.status in _FINAL and not isinstance(command, WithdrawOrder)):
            return []
        match command:
            case WithdrawOrder():
                return self._withdraw(command)
            case RecordReserved() if self.status is OrderStatus.PLACED:
                return [OrderReserved(total=self.placed.total, currency=self.placed.currency)]
            case RecordPaid() if self.status is OrderStatus.RESERVED:
                return [OrderPaid(address=self.placed.address, lines=self.placed.lines)]
            case RecordReserved() | RecordPaid():
                return []
            case ConfirmOrder():
                return self._confirm(self.placed)
            case CancelOrder(code=code):
                return [self._cancelled(self.placed, code)]
            case _:
                assert_never(command)

    def evolve(self, event: OrderEvent) -> Order:
        match event:
            case OrderPlaced():
                return replace(self, placed=event)
            case WithdrawalRequested():
                return replace(self, is_withdrawn=True)
            case OrderReserved():
                return replace(self, status=OrderStatus.RESERVED)
            case OrderPaid():
                return replace(self, status=OrderStatus.PAID)
            case OrderConfirmed():
                return replace(self, status=OrderStatus.CONFIRMED)
            case OrderCancelled():
                return replace(self, status=OrderStatus.CANCELLED)
            case _:
                assert_never(event)

    def _withdraw(self, command: WithdrawOrder) -> Sequence[OrderEvent]:
        if self.status is OrderStatus.CONFIRMED:
            raise InvariantViolated("the order is CONFIRMED and on its way; it cannot be withdrawn any more")
        if self.is_withdrawn or self.status is OrderStatus.CANCELLED:
            return []
        return [WithdrawalRequested(reason=command.reason)]

    def _confirm(self, placed: OrderPlaced) -> Sequence[OrderEvent]:
        if self.is_withdrawn:
            return [self._cancelled(placed, WITHDRAWN, is_booked=True)]
        return [OrderConfirmed(customer_id=placed.customer_id, customer_name=placed.customer_name)]

    def _cancelled(self, placed: OrderPlaced, code: str, *, is_booked: bool = False) -> OrderCancelled:
        return OrderCancelled(
            customer_id=placed.customer_id,
            customer_name=placed.customer_name,
            code=code,
            status=self.status,
            is_booked=is_booked,
        )


def _placed(command: PlaceOrder) -> OrderPlaced:
    items = [line.item_id for line in command.lines]
    for item in items:
        if items.count(item) > 1:
            raise InvariantViolated(f"{item} is on more than one line; add its quantities up")
    total = sum(line.quantity * line.unit_price for line in command.lines)
    if total == 0:
        raise InvariantViolated("the order costs nothing, and nothing can be paid for it")
    return OrderPlaced(
        customer_id=command.customer_id,
        customer_name=command.customer_name,
        address=command.address,
        lines=command.lines,
        total=total,
        currency=command.currency,
    )
