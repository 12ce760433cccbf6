"""A process that delivers each parcel: loads it, announces it, and unloads it if there is no answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from domain.kernel import Event, RecordedEvent
from domain.process import (
    Call,
    CallFailed,
    CallReplied,
    CommandDone,
    Compensate,
    Complete,
    DeadlineReached,
    Dispatch,
    Effect,
    Process,
    ProcessFacts,
    Reaction,
    Reply,
    Request,
    SetDeadline,
    process_context,
)
from tests.helpers.parcel_delivery.parcels import LoadParcel, ParcelBooked, UnloadParcel


class Announced(Reply):
    """The receiver knows of the parcel."""

    text: str = ""


class Announce(Request[Announced], port="mail"):
    """Announces the parcel."""

    parcel: str


class DeliveryPlanned(Event, type="delivery.planned"):
    """The delivery of a parcel was planned."""

    parcel: str


DeliveryTrigger = ParcelBooked | CommandDone | CallReplied | CallFailed | DeadlineReached


@dataclass(frozen=True)
class Delivery(Process[DeliveryTrigger, DeliveryPlanned]):
    """Delivers a parcel."""

    category: ClassVar[str] = "delivery"

    parcel: str = ""

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return event.stream

    def react(self, trigger: DeliveryTrigger, facts: ProcessFacts) -> Reaction:
        return list(self._reaction(trigger, facts))

    def _reaction(self, trigger: DeliveryTrigger, facts: ProcessFacts) -> Iterator[Event | Effect]:
        match trigger:
            case ParcelBooked(weight=0):
                return
            case ParcelBooked():
                parcel = facts.event.stream if facts.event else ""
                yield DeliveryPlanned(parcel=parcel)
                yield SetDeadline("too late", facts.now + timedelta(days=1))
                yield Dispatch(LoadParcel(id=parcel), "load", compensation=UnloadParcel(id=parcel))
            case CommandDone():
                yield Call(Announce(parcel=self.parcel), "announce")
            case CallReplied(reply=Announced()):
                yield Complete()
            case CallFailed() | DeadlineReached():
                yield Compensate("the receiver does not answer")

    def evolve(self, event: DeliveryPlanned) -> Delivery:
        return replace(self, parcel=event.parcel)


context = process_context("deliveries", Delivery)
