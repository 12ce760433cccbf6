"""The view `foreign_documents`: the documents of foreign collections, as they are there."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.foreign_documents import context
from domain.foreign_documents.events import (
    ForeignDocumentDeleted,
    ForeignDocumentInserted,
    ForeignDocumentReplaced,
    ForeignDocumentUpdated,
)
from domain.kernel import RecordedEvent
from domain.kernel.access import role
from domain.kernel.fields import Json
from projections.kernel import View


class ForeignDocumentRow(TypedDict):
    """A document of the collection `source`. `key` is its `_id`; both are in extended JSON."""

    id: str
    source: str
    key: Json
    document: Json
    changed_at: datetime


def _apply(id: str, row: ForeignDocumentRow | None, event: RecordedEvent) -> ForeignDocumentRow | None:
    payload = event.payload
    match payload:
        case ForeignDocumentUpdated(document=None):
            # Its deletion follows.
            return row
        case ForeignDocumentInserted() | ForeignDocumentReplaced() | ForeignDocumentUpdated():
            return ForeignDocumentRow(
                id=id,
                source=payload.source,
                key=payload.key,
                document=payload.document,
                changed_at=event.time,
            )
        case ForeignDocumentDeleted():
            return None
        case _:
            return row


view = View(
    context=context,
    row=ForeignDocumentRow,
    apply=_apply,
    access=role("foreign_documents"),
    filters=("source", "changed_at"),
    orders=("changed_at",),
    indexes=(("source", "-changed_at"),),
    description="A document of a foreign MongoDB collection, kept by `nerve cdc`.",
)
