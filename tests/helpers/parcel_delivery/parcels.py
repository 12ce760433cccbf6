"""A context of parcels: what the process `deliveries` is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from domain.kernel import Aggregate, ChangeCommand, Context, CreateCommand, Event, Facts, InvariantViolated


class BookParcel(CreateCommand):
    """Books a parcel, which is then delivered."""

    weight: int


class LoadParcel(ChangeCommand):
    """Puts the parcel on a van."""


class UnloadParcel(ChangeCommand):
    """Takes the parcel from its van."""


class ParcelBooked(Event, type="parcel.booked"):
    """A parcel was booked."""

    weight: int


class ParcelLoaded(Event, type="parcel.loaded"):
    """The parcel is on a van."""


class ParcelUnloaded(Event, type="parcel.unloaded"):
    """The parcel is not on a van any more."""


@dataclass(frozen=True, slots=True)
class Parcel(Aggregate[BookParcel | LoadParcel | UnloadParcel, ParcelBooked | ParcelLoaded | ParcelUnloaded]):
    """Something to be delivered."""

    category: ClassVar[str] = "parcel"

    loaded: bool = False

    def decide(
        self, command: BookParcel | LoadParcel | UnloadParcel, facts: Facts
    ) -> Sequence[ParcelBooked | ParcelLoaded | ParcelUnloaded]:
        match command:
            case BookParcel(weight=weight):
                return [ParcelBooked(weight=weight)]
            case LoadParcel():
                if self.loaded:
                    raise InvariantViolated(f"{facts.stream_id} is on a van already")
                return [ParcelLoaded()]
            case UnloadParcel():
                return [ParcelUnloaded()]

    def evolve(self, event: ParcelBooked | ParcelLoaded | ParcelUnloaded) -> Parcel:
        return replace(self, loaded=isinstance(event, ParcelLoaded))


context = Context("parcels", Parcel)
