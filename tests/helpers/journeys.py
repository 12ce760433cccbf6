"""A saga of four steps: a journey with a seat and a room in parallel, a payment by a port, and a ticket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self

from domain.kernel import (
    Aggregate,
    ChangeCommand,
    Command,
    Context,
    CreateCommand,
    Event,
    Facts,
    PutCommand,
    RecordedEvent,
)
from domain.process import (
    Outcome,
    ProcessFacts,
    Reply,
    Request,
    Saga,
    Step,
    process_context,
)

MINUTE = timedelta(minutes=1)


class PlanJourney(CreateCommand):
    """Plan a journey."""


class CloseJourney(ChangeCommand):
    """Record how a journey ended."""

    how: str


class BookPlace(PutCommand):
    """Book a seat or a room."""

    id: str
    journey: str

    @property
    def target(self) -> str:
        return self.id


class FreePlace(ChangeCommand):
    """Give a seat or a room back."""


class JourneyPlanned(Event, type="journey.planned"):
    """A journey was planned."""


class JourneyClosed(Event, type="journey.closed"):
    """A journey has ended."""

    how: str


class PlaceBooked(Event, type="place.booked"):
    """A place was booked."""

    journey: str


class PlaceRefused(Event, type="place.refused"):
    """There was no place."""

    journey: str


class PlaceFreed(Event, type="place.freed"):
    """A place was given back."""


@dataclass(frozen=True, slots=True)
class Journey(Aggregate[PlanJourney | CloseJourney, JourneyPlanned | JourneyClosed]):
    """A journey."""

    category = "journey"

    def decide(
        self, command: PlanJourney | CloseJourney, facts: Facts
    ) -> Sequence[JourneyPlanned | JourneyClosed]:
        return [JourneyClosed(how=command.how) if isinstance(command, CloseJourney) else JourneyPlanned()]

    def evolve(self, event: JourneyPlanned | JourneyClosed) -> Self:
        return self


@dataclass(frozen=True, slots=True)
class Place(Aggregate[BookPlace | FreePlace, PlaceBooked | PlaceRefused | PlaceFreed]):
    """A place, which one journey may book at a time."""

    category = "place"
    is_booked: bool = False

    def decide(
        self, command: BookPlace | FreePlace, facts: Facts
    ) -> Sequence[PlaceBooked | PlaceRefused | PlaceFreed]:
        if isinstance(command, FreePlace):
            return [PlaceFreed()] if self.is_booked else []
        journey = command.journey
        return [PlaceRefused(journey=journey) if self.is_booked else PlaceBooked(journey=journey)]

    def evolve(self, event: PlaceBooked | PlaceRefused | PlaceFreed) -> Self:
        return (
            self
            if isinstance(event, PlaceRefused)
            else replace(self, is_booked=isinstance(event, PlaceBooked))
        )


class Paid(Reply):
    """The money was taken."""

    receipt: str


class Pay(Request[Paid], port="bank"):
    """Take the money."""

    journey: str


class Repay(Request[Paid], port="bank"):
    """Give the money back."""

    journey: str


class TripStarted(Event, type="trip.started"):
    """The data of a trip."""

    journey: str


def _place(of: str) -> Step:
    """The step that books a place."""
    return Step(
        of,
        do=lambda saga: BookPlace(id=f"place-{of}", journey=saga.data.journey),
        done=PlaceBooked,
        failed=PlaceRefused,
        undo=lambda saga: FreePlace(id=f"place-{of}"),
        within=5 * MINUTE,
    )


class Trip(Saga[JourneyPlanned, TripStarted]):
    """Books what a journey needs."""

    category = "trip"
    steps = (
        _place("seat"),
        Step(
            "pay",
            call=lambda saga: Pay(journey=saga.data.journey),
            undo=lambda saga: Repay(journey=saga.data.journey),
            within=MINUTE,
        ),
        Step(
            "close",
            do=lambda saga: CloseJourney(id=saga.data.journey, how=saga.reply("pay", Paid).receipt),
        ),
    )

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        match event.payload:
            case JourneyPlanned():
                return event.stream
            case PlaceBooked(journey=journey) | PlaceRefused(journey=journey):
                return journey
        return None

    @classmethod
    def start(cls, event: JourneyPlanned, facts: ProcessFacts) -> TripStarted:
        return TripStarted(journey=facts.key)

    def on_failure(self, step: str, trigger: Event | Outcome) -> Command:
        return CloseJourney(id=self.data.journey, how=f"no {step}")


def _simple(name: str, **options: Any) -> Step:
    return Step(
        name,
        do=lambda saga: BookPlace(id=f"place-{name}", journey=saga.data.journey),
        undo=lambda saga: FreePlace(id=f"place-{name}"),
        **options,
    )


class Tour(Saga[JourneyPlanned, TripStarted]):
    """Books two places in parallel, and then a third."""

    category = "tour"
    steps = ((_simple("one"), _simple("two")), _simple("three"))

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return event.stream

    @classmethod
    def start(cls, event: JourneyPlanned, facts: ProcessFacts) -> TripStarted | None:
        return None if facts.key == "journey-none" else TripStarted(journey=facts.key)


trips, tours = process_context("trips", Trip), process_context("tours", Tour)
CONTEXTS: tuple[Context, ...] = (trips, tours, Context("journeys", Journey), Context("places", Place))
