"""Commands of reservations."""

from __future__ import annotations

from pydantic import Field

from domain.kernel import ChangeCommand, CreateCommand
from domain.kernel.fields import Identifier, Int64
from domain.reservations.events import ReservationItem


class RequestReservation(CreateCommand):
    """Reserves several items together: if one is not available, none stays reserved."""

    order_id: Identifier = Field(description="The order that the items are for.")
    items: list[ReservationItem] = Field(min_length=1, max_length=100, description="Each item once.")


class RecordItemReserved(ChangeCommand):
    """Records that the stock of an item has reserved its quantity."""

    item_id: Identifier


class RecordItemRefused(ChangeCommand):
    """Records that the stock of an item has too little available."""

    item_id: Identifier
    available: Int64


class ReleaseReservation(ChangeCommand):
    """Gives the reservation up. One that was refused or released already stays as it is."""


class CommitReservation(ChangeCommand):
    """Carries the reservation out: its items leave the warehouse."""
