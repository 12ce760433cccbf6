"""The process `notices`: the customer is notified of the outcome of an order.

An order does not depend on its notice: one that cannot be sent is given up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from domain.kernel import Event, RecordedEvent
from domain.orders.events import OrderCancelled, OrderConfirmed
from domain.orders.port import Notify
from domain.process import (
    Call,
    CallFailed,
    CallReplied,
    CallTimedOut,
    Complete,
    Fail,
    Process,
    ProcessFacts,
    Reaction,
    process_context,
)

TIMEOUT = timedelta(minutes=1)

NoticeTrigger = OrderConfirmed | OrderCancelled | CallReplied | CallFailed | CallTimedOut


class NoticeOpened(Event, type="notice.opened"):
    """A customer is to be notified."""

    template: str


@dataclass(frozen=True, slots=True)
class Notice(Process[NoticeTrigger, NoticeOpened]):
    """Notifies the customer of the outcome of one order."""

    category: ClassVar[str] = "notice"

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return event.stream

    def react(self, trigger: NoticeTrigger, facts: ProcessFacts) -> Reaction:
        match trigger:
            case OrderConfirmed() | OrderCancelled() if facts.event:
                template = trigger.type
                notify = Notify(
                    order_id=facts.event.stream, customer_id=trigger.customer_id, template=template
                )
                return [NoticeOpened(template=template), Call(notify, "notify", timeout=TIMEOUT)]
            case CallFailed(code=code):
                return [Fail(f"the notice was refused: {code}")]
            case CallTimedOut():
                return [Fail("the notice could not be sent in time")]
        return [Complete()]

    def evolve(self, event: NoticeOpened) -> Notice:
        return self


context = process_context("notices", Notice)
