"""The view `approvals`: each question to a person, with its answer."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.approvals import context
from domain.approvals.events import (
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalStatus,
    ApprovalWithdrawn,
)
from domain.kernel import RecordedEvent
from projections.kernel import View


class ApprovalRow(TypedDict):
    """A question to a person.

    `option` is what was approved, and `comment` came with the answer. `is_default` is True if the time was
    over without an answer. `decided_by` is the caller with the answer, if known.
    """

    id: str
    question: str
    options: list[str]
    default_option: str | None
    requester_id: str | None
    status: ApprovalStatus
    option: str | None
    comment: str | None
    is_default: bool
    requested_at: datetime
    due: datetime
    decided_at: datetime | None
    decided_by: str | None


def _apply(id: str, row: ApprovalRow | None, event: RecordedEvent) -> ApprovalRow | None:
    payload = event.payload
    if isinstance(payload, ApprovalRequested):
        return _requested(id, payload, event.time)
    if row is None:
        return None
    match payload:
        case ApprovalGranted():
            decided = _decided(row, ApprovalStatus.APPROVED, event)
            return {
                **decided,
                "option": payload.option,
                "comment": payload.comment,
                "is_default": payload.is_default,
            }
        case ApprovalRejected():
            decided = _decided(row, ApprovalStatus.REJECTED, event)
            return {**decided, "comment": payload.reason, "is_default": payload.is_default}
        case ApprovalWithdrawn():
            return {**_decided(row, ApprovalStatus.WITHDRAWN, event), "comment": payload.reason}
        case _:
            return row


def _requested(id: str, event: ApprovalRequested, time: datetime) -> ApprovalRow:
    return ApprovalRow(
        id=id,
        question=event.question,
        options=event.options,
        default_option=event.default_option,
        requester_id=event.requester_id,
        status=ApprovalStatus.PENDING,
        option=None,
        comment=None,
        is_default=False,
        requested_at=time,
        due=event.due,
        decided_at=None,
        decided_by=None,
    )


def _decided(row: ApprovalRow, status: ApprovalStatus, event: RecordedEvent) -> ApprovalRow:
    return {**row, "status": status, "decided_at": event.time, "decided_by": event.commit.actor}


view = View(
    context=context,
    row=ApprovalRow,
    apply=_apply,
    filters=("status", "requester_id", "due", "decided_by"),
    orders=("requested_at", "due", "decided_at"),
    indexes=(("status", "due"),),
    search=("question",),
    description="A question to a person, answered once or by its default.",
)
