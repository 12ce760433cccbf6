"""Events of orders."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from domain.inventory.commands import Quantity
from domain.kernel import Event
from domain.kernel.fields import Identifier, Int64, Name

OUT_OF_STOCK = "OUT_OF_STOCK"
WITHDRAWN = "WITHDRAWN"
TIMED_OUT = "TIMED_OUT"
"""Codes of orders that were cancelled; outside ports have codes of their own."""


class OrderStatus(StrEnum):
    """How far an order has come. CONFIRMED and CANCELLED are final.

    In between, PLACED waits for the stock, RESERVED for the payment and PAID for the shipment. Only the
    choreography leads an order through RESERVED and PAID; the saga keeps count itself.
    """

    PLACED = "PLACED"
    RESERVED = "RESERVED"
    PAID = "PAID"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


UnitPrice = Annotated[
    Int64,
    Field(ge=0, le=10**11, description="Of one piece, in the smallest unit of the currency, such as cents."),
]


class OrderLine(BaseModel):
    """An item of an order."""

    item_id: Annotated[Identifier, Field(description="The item, as in stock-lamp.")]
    name: Annotated[Name, Field(description="The name under which it is sold.")]
    quantity: Quantity
    unit_price: UnitPrice


class OrderPlaced(Event, type="order.placed"):
    """A customer has placed an order; `total` is the sum of its lines."""

    customer_id: str
    customer_name: str
    address: str
    lines: list[OrderLine]
    total: Int64
    currency: str


class OrderReserved(Event, type="order.reserved"):
    """All items of the order are reserved; now its total is to be paid."""

    total: Int64
    currency: str


class OrderPaid(Event, type="order.paid"):
    """The order is paid; now its items are to be shipped."""

    address: str
    lines: list[OrderLine]


class OrderConfirmed(Event, type="order.confirmed"):
    """Everything that the order needs is done: it is paid, and the carrier takes its items."""

    customer_id: str
    customer_name: str


class WithdrawalRequested(Event, type="order.withdrawal_requested"):
    """The customer does not want the order any more. It is cancelled instead of being confirmed."""

    reason: str | None = None


class OrderCancelled(Event, type="order.cancelled"):
    """The order has failed or was withdrawn.

    `status` is the one before. `is_booked` says whether the carrier had taken the items.
    """

    customer_id: str
    customer_name: str
    code: str
    status: OrderStatus
    is_booked: bool = False
