"""The view `subjects`: the erased subjects, with time and reason."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.builtin.subjects import context
from domain.builtin.subjects.events import SubjectErased
from domain.kernel import RecordedEvent
from projections.kernel import View


class SubjectRow(TypedDict):
    """An erased person. `subject` is the id of the entity that the erased data was about."""

    id: str
    subject: str
    reason: str | None
    erased_at: datetime


def _apply(id: str, row: SubjectRow | None, event: RecordedEvent) -> SubjectRow | None:
    payload = event.payload
    if isinstance(payload, SubjectErased):
        return SubjectRow(id=id, subject=payload.subject, reason=payload.reason, erased_at=event.time)
    return row


view = View(
    context=context,
    row=SubjectRow,
    apply=_apply,
    filters=("subject", "erased_at"),
    orders=("subject", "erased_at"),
    description="A record that the personal data of a person was erased.",
)
