"""The process `repayments`: the provider gives back what a payment held or collected.

It is tried for days. What the provider refuses for good makes the process stuck: a person has to look at it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from domain.kernel import Event, RecordedEvent
from domain.payments.commands import RecordRefund, RecordVoid
from domain.payments.events import RefundRequested, VoidRequested
from domain.payments.port import Refund, Reverse
from domain.process import (
    Call,
    CallReplied,
    CommandDone,
    Complete,
    Dispatch,
    Process,
    ProcessFacts,
    Reaction,
    process_context,
)

TIMEOUT = timedelta(days=3)

RepaymentTrigger = VoidRequested | RefundRequested | CallReplied | CommandDone


class RepaymentOpened(Event, type="repayment.opened"):
    """A payment has something to be given back."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class Repayment(Process[RepaymentTrigger, RepaymentOpened]):
    """Has the provider give back one amount."""

    category: ClassVar[str] = "repayment"

    payment_id: str = ""

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return f"{event.stream}.{event.version}"

    def react(self, trigger: RepaymentTrigger, facts: ProcessFacts) -> Reaction:
        match trigger:
            case VoidRequested() if facts.event:
                payment = facts.event.stream
                reverse = Reverse(payment_id=payment)
                return [RepaymentOpened(payment_id=payment), Call(reverse, "reverse", timeout=TIMEOUT)]
            case RefundRequested(amount=amount) if facts.event:
                payment = facts.event.stream
                refund = Refund(payment_id=payment, amount=amount)
                return [RepaymentOpened(payment_id=payment), Call(refund, "refund", timeout=TIMEOUT)]
            case CallReplied(name="refund"):
                return [Dispatch(RecordRefund(id=self.payment_id))]
            case CallReplied():
                return [Dispatch(RecordVoid(id=self.payment_id))]
        return [Complete()]

    def evolve(self, event: RepaymentOpened) -> Repayment:
        return replace(self, payment_id=event.payment_id)


context = process_context("repayments", Repayment)
