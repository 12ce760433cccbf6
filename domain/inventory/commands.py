"""Commands of the stock of one item."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.kernel import ChangeCommand, PutCommand
from domain.kernel.fields import Identifier, Name, Text

Quantity = Annotated[int, Field(ge=1, le=100_000)]


class ReceiveStock(PutCommand):
    """Adds a quantity of an item that has arrived, which may be a new item."""

    id: Identifier = Field(description="The item, as in stock-lamp.")
    quantity: Quantity = Field(description="How many have arrived.")
    name: Name | None = Field(None, description="The name of the item, if it is new or has another one.")

    @property
    def target(self) -> str:
        return self.id


class CountStock(ChangeCommand):
    """Corrects the quantity on hand after the item was counted."""

    on_hand: int = Field(ge=0, le=2**31 - 1, description="How many there are, the reserved ones included.")
    reason: Text = Field(min_length=1, description="Why it differs, for readers of the history.")


class ReserveStock(PutCommand):
    """Reserves a quantity of the item, or records that too little is available.

    Nothing is available of an item that was never received. Reserving twice for one reservation changes
    nothing.
    """

    id: Identifier = Field(description="The item.")
    reservation_id: Identifier = Field(description="The reservation that the quantity is for.")
    quantity: Quantity = Field(description="How many are reserved.")

    @property
    def target(self) -> str:
        return self.id


class ReleaseStock(ChangeCommand):
    """Makes what is reserved available again. Without such a reservation it changes nothing."""

    reservation_id: Identifier = Field(description="The reservation that is given up.")


class CommitStock(ChangeCommand):
    """Takes what is reserved from the stock. Without such a reservation it changes nothing."""

    reservation_id: Identifier = Field(description="The reservation that is carried out.")
