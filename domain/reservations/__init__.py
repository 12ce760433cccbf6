"""Reservations: several items that are reserved together, or not at all."""

from domain.kernel import Context
from domain.reservations.aggregate import Reservation

context = Context("reservations", Reservation)
