"""Approvals: questions to people, answered once or by their default when their time is over."""

from domain.approvals.aggregate import Approval
from domain.kernel import Context

context = Context("approvals", Approval)
