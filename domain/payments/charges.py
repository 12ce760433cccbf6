"""The process `charges`: an authorisation or a capture goes to the provider, and its answer comes back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from domain.kernel import Command, Event, RecordedEvent
from domain.payments.commands import (
    RecordAuthorisation,
    RecordCapture,
    RecordCaptureFailure,
    RecordDecline,
    RecordNoAnswer,
)
from domain.payments.events import AuthorisationRequested, CaptureRequested
from domain.payments.port import Authorise, Authorised, Capture, Done
from domain.process import (
    Call,
    CallFailed,
    CallReplied,
    CallTimedOut,
    CommandDone,
    Complete,
    Dispatch,
    Process,
    ProcessFacts,
    Reaction,
    process_context,
)

TIMEOUT = timedelta(seconds=15)
"""How long the provider has for an answer, repeated attempts included."""

ChargeTrigger = (
    AuthorisationRequested | CaptureRequested | CallReplied | CallFailed | CallTimedOut | CommandDone
)


class ChargeOpened(Event, type="charge.opened"):
    """A payment has a request for the provider."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class Charge(Process[ChargeTrigger, ChargeOpened]):
    """Takes one authorisation or capture of a payment to the provider."""

    category: ClassVar[str] = "charge"

    payment_id: str = ""

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return f"{event.stream}.{event.version}"

    def react(self, trigger: ChargeTrigger, facts: ProcessFacts) -> Reaction:
        match trigger:
            case AuthorisationRequested(amount=amount, currency=currency) if facts.event:
                payment = facts.event.stream
                authorise = Authorise(payment_id=payment, amount=amount, currency=currency)
                return [ChargeOpened(payment_id=payment), Call(authorise, "authorise", timeout=TIMEOUT)]
            case CaptureRequested(amount=amount) if facts.event:
                payment = facts.event.stream
                capture = Capture(payment_id=payment, amount=amount)
                return [ChargeOpened(payment_id=payment), Call(capture, "capture", timeout=TIMEOUT)]
            case CommandDone():
                return [Complete()]
        return [Dispatch(command) for command in self._answer(trigger)]

    def evolve(self, event: ChargeOpened) -> Charge:
        return replace(self, payment_id=event.payment_id)

    def _answer(self, trigger: ChargeTrigger) -> list[Command]:
        match trigger:
            case CallReplied(reply=Authorised(authorisation=reference)):
                return [RecordAuthorisation(id=self.payment_id, authorisation=reference)]
            case CallReplied(reply=Done()):
                return [RecordCapture(id=self.payment_id)]
            case CallFailed(name="authorise", code=code):
                return [RecordDecline(id=self.payment_id, code=code)]
            case CallFailed(code=code):
                return [RecordCaptureFailure(id=self.payment_id, code=code)]
            case CallTimedOut():
                return [RecordNoAnswer(id=self.payment_id)]
        return []


context = process_context("charges", Charge)
