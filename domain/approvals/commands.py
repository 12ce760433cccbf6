"""Commands of approvals."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from domain.kernel import ChangeCommand, CreateCommand, Identifier, Name, Text


class RequestApproval(CreateCommand):
    """Asks a person for an answer until a deadline."""

    question: Text = Field(min_length=1, description="What is to be decided, with all that is needed for it.")
    options: list[Name] = Field(
        default=["Approve"], min_length=1, max_length=20, description="The answers that can be approved."
    )
    due: datetime = Field(description="Until when there must be an answer.")
    default_option: Name | None = Field(
        None, description="The option that applies without an answer; without it, the request is rejected."
    )
    requester_id: Identifier | None = Field(
        None, description="The process, task or agent that waits for the answer."
    )


class Approve(ChangeCommand):
    """Approves one of the options, once and before the deadline."""

    option: Name | None = Field(None, description="The option; it can be left out if there is only one.")
    comment: Text | None = Field(None, description="What the requester has to know.")


class Reject(ChangeCommand):
    """Rejects all options, once and before the deadline."""

    reason: Text | None = Field(None, description="Why.")


class ExpireApproval(ChangeCommand):
    """Applies the default to an approval without an answer; without effect on one that has an answer."""


class WithdrawApproval(ChangeCommand):
    """Withdraws the request; without effect if it has an answer."""

    reason: Text | None = Field(None, description="Why the answer is no longer needed.")
