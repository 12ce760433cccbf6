"""Events of approvals. Each names the requester, so that a process knows its own answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from domain.kernel import Event


class ApprovalStatus(StrEnum):
    """How far an approval has come. All but PENDING are final."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"


class ApprovalRequested(Event, type="approval.requested"):
    """A person was asked. Without an answer until `due`, `default_option` is approved.

    Without a default option, the request is rejected then.
    """

    question: str
    options: list[str]
    due: datetime
    default_option: str | None = None
    requester_id: str | None = None


class ApprovalGranted(Event, type="approval.granted"):
    """A person approved one of the options; `is_default` if the time was over instead."""

    option: str
    comment: str | None = None
    requester_id: str | None = None
    is_default: bool = False


class ApprovalRejected(Event, type="approval.rejected"):
    """A person rejected the request; `is_default` if the time was over instead."""

    reason: str | None = None
    requester_id: str | None = None
    is_default: bool = False


class ApprovalWithdrawn(Event, type="approval.withdrawn"):
    """The answer is no longer needed."""

    reason: str | None = None
    requester_id: str | None = None
