"""Commands of orders."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.kernel import ChangeCommand, CreateCommand
from domain.kernel.fields import Identifier, Name, Text
from domain.orders.events import OrderLine
from domain.payments.money import Currency


class PlaceOrder(CreateCommand):
    """Places an order. Its stock, payment and shipment follow by themselves."""

    id: Annotated[Identifier | None, Field(max_length=80)] = Field(
        None, description="Made by the server when left out."
    )
    customer_id: Name = Field(description="The customer, in the shop's own terms.")
    customer_name: Name = Field(description="The name that people read.")
    address: Text = Field(min_length=1, description="Where the items go.")
    lines: list[OrderLine] = Field(min_length=1, max_length=100, description="Each item once.")
    currency: Currency


class WithdrawOrder(ChangeCommand):
    """Takes the order back, as long as it is not confirmed."""

    reason: Text | None = Field(None, description="Why, for readers of the history.")


class RecordReserved(ChangeCommand):
    """Records that all items are reserved."""


class RecordPaid(ChangeCommand):
    """Records that the total is paid."""


class ConfirmOrder(ChangeCommand):
    """Confirms the order once the carrier takes its items. If it was withdrawn it is cancelled instead."""


class CancelOrder(ChangeCommand):
    """Ends an order that cannot be fulfilled. One that was confirmed or cancelled stays as it is."""

    code: Name = Field(description="Why, such as OUT_OF_STOCK or the code of the payment provider.")
