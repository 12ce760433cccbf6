"""Events of reservations. Each names the order, so that no reader has to look it up."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from domain.inventory.commands import Quantity
from domain.kernel import Event
from domain.kernel.fields import Identifier, Int64


class ReservationStatus(StrEnum):
    """How far a reservation has come. REFUSED, RELEASED and COMMITTED are final."""

    REQUESTED = "REQUESTED"
    RESERVED = "RESERVED"
    REFUSED = "REFUSED"
    RELEASED = "RELEASED"
    COMMITTED = "COMMITTED"


class ReservationItem(BaseModel):
    """An item, and how many of it are reserved."""

    item_id: Annotated[Identifier, Field(description="The item, as in stock-lamp.")]
    quantity: Quantity


class ReservationRequested(Event, type="reservation.requested"):
    """Items are to be reserved for an order."""

    order_id: str
    items: list[ReservationItem]


class ItemReserved(Event, type="reservation.item_reserved"):
    """The stock of an item has reserved its quantity."""

    item_id: str


class ItemRefused(Event, type="reservation.item_refused"):
    """The stock of an item has too little available."""

    item_id: str
    available: Int64


class ReleaseRequested(Event, type="reservation.release_requested"):
    """The reservation is to be released as soon as each stock has answered."""


class ReservationMade(Event, type="reservation.made"):
    """All items are reserved."""

    order_id: str


class ReservationRefused(Event, type="reservation.refused"):
    """Some items are not available. `reserved` are those that were reserved and are released."""

    order_id: str
    refused: list[str]
    reserved: list[str]


class ReservationReleased(Event, type="reservation.released"):
    """The reserved items are released."""

    order_id: str
    reserved: list[str]


class ReservationCommitted(Event, type="reservation.committed"):
    """The reserved items leave the warehouse."""

    order_id: str
    reserved: list[str]
