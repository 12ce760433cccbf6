"""The process `approval_expiries`: an approval without an answer gets its default at its deadline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from domain.approvals.commands import ExpireApproval
from domain.approvals.events import ApprovalGranted, ApprovalRejected, ApprovalRequested, ApprovalWithdrawn
from domain.kernel import Event, RecordedEvent
from domain.process import (
    CommandDone,
    Complete,
    DeadlineReached,
    Dispatch,
    Process,
    ProcessFacts,
    Reaction,
    SetDeadline,
    StartAt,
    process_context,
)

ExpiryTrigger = (
    ApprovalRequested | ApprovalGranted | ApprovalRejected | ApprovalWithdrawn | DeadlineReached | CommandDone
)


class AnswerAwaited(Event, type="expiry.awaited"):
    """An approval is to be answered until `due`."""

    approval_id: str
    due: datetime


@dataclass(frozen=True, slots=True)
class ApprovalExpiry(Process[ExpiryTrigger, AnswerAwaited]):
    """Waits for the answer to one approval, and applies its default when the time is over."""

    category: ClassVar[str] = "expiry"
    starts_at: ClassVar[StartAt] = StartAt.BEGINNING

    approval_id: str | None = None

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return event.stream.partition("-")[2]

    def react(self, trigger: ExpiryTrigger, facts: ProcessFacts) -> Reaction:
        match trigger:
            case ApprovalRequested(due=due) if facts.event:
                return [AnswerAwaited(approval_id=facts.event.stream, due=due), SetDeadline("answer", due)]
            case DeadlineReached() if self.approval_id:
                return [Dispatch(ExpireApproval(id=self.approval_id), "expire")]
            case _ if self.approval_id:
                return [Complete()]
        return []

    def evolve(self, event: AnswerAwaited) -> ApprovalExpiry:
        return replace(self, approval_id=event.approval_id)


context = process_context("approval_expiries", ApprovalExpiry)
