"""The rules of one approval.

PENDING -> APPROVED | REJECTED | WITHDRAWN
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, assert_never

from domain.approvals.commands import Approve, ExpireApproval, Reject, RequestApproval, WithdrawApproval
from domain.approvals.events import (
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalStatus,
    ApprovalWithdrawn,
)
from domain.kernel import Aggregate, Facts, InvariantViolated

ApprovalCommand = RequestApproval | Approve | Reject | ExpireApproval | WithdrawApproval
ApprovalEvent = ApprovalRequested | ApprovalGranted | ApprovalRejected | ApprovalWithdrawn


@dataclass(frozen=True, slots=True)
class Approval(Aggregate[ApprovalCommand, ApprovalEvent]):
    """A question on its way from pending to its answer."""

    category: ClassVar[str] = "approval"

    status: ApprovalStatus = ApprovalStatus.PENDING
    requested: ApprovalRequested | None = None

    def decide(self, command: ApprovalCommand, facts: Facts) -> Sequence[ApprovalEvent]:
        if isinstance(command, RequestApproval):
            return [_requested(command, facts)]
        if self.requested is None:
            return []
        match command:
            case Approve():
                self._require_open(self.requested, facts)
                return [_granted(command, self.requested, facts)]
            case Reject(reason=reason):
                self._require_open(self.requested, facts)
                return [ApprovalRejected(reason=reason, requester_id=self.requested.requester_id)]
            case ExpireApproval() | WithdrawApproval() if self.status is not ApprovalStatus.PENDING:
                return []
            case ExpireApproval():
                return [_expired(self.requested)]
            case WithdrawApproval(reason=reason):
                return [ApprovalWithdrawn(reason=reason, requester_id=self.requested.requester_id)]
            case _:
                assert_never(command)

    def evolve(self, event: ApprovalEvent) -> Approval:
        match event:
            case ApprovalRequested():
                return replace(self, requested=event)
            case ApprovalGranted():
                return replace(self, status=ApprovalStatus.APPROVED)
            case ApprovalRejected():
                return replace(self, status=ApprovalStatus.REJECTED)
            case ApprovalWithdrawn():
                return replace(self, status=ApprovalStatus.WITHDRAWN)
            case _:
                assert_never(event)

    def _require_open(self, requested: ApprovalRequested, facts: Facts) -> None:
        if self.status is not ApprovalStatus.PENDING:
            raise InvariantViolated(
                f"{facts.stream_id} is {self.status} already; an answer is final, so ask again"
            )
        if facts.now > requested.due:
            raise InvariantViolated(
                f"{facts.stream_id} was to be answered until {requested.due:%Y-%m-%d %H:%M:%S} UTC, and its "
                "default applies; ask again"
            )


def _requested(command: RequestApproval, facts: Facts) -> ApprovalRequested:
    options = command.options
    if len(set(options)) < len(options):
        raise InvariantViolated("two options are the same; leave one out")
    if command.default_option not in (None, *options):
        raise InvariantViolated(
            f"the default option {command.default_option!r} is none of the options; choose one of them"
        )
    if command.due <= facts.now:
        raise InvariantViolated("the deadline has passed; choose a later one")
    return ApprovalRequested(
        question=command.question,
        options=options,
        due=command.due,
        default_option=command.default_option,
        requester_id=command.requester_id,
    )


def _granted(command: Approve, requested: ApprovalRequested, facts: Facts) -> ApprovalGranted:
    options = requested.options
    option = options[0] if command.option is None and len(options) == 1 else command.option
    if option not in options:
        raise InvariantViolated(
            f"{facts.stream_id} has the options {', '.join(map(repr, options))}; approve one of them"
        )
    return ApprovalGranted(option=option, comment=command.comment, requester_id=requested.requester_id)


def _expired(requested: ApprovalRequested) -> ApprovalGranted | ApprovalRejected:
    if requested.default_option is None:
        return ApprovalRejected(requester_id=requested.requester_id, is_default=True)
    return ApprovalGranted(
        option=requested.default_option, requester_id=requested.requester_id, is_default=True
    )
