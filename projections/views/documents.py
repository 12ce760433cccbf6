"""The view `documents`: each document in its last version."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.documents import context
from domain.documents.aggregate import patched
from domain.documents.events import (
    DocumentArchived,
    DocumentCreated,
    DocumentDeleted,
    DocumentPatched,
    DocumentRenamed,
    DocumentReplaced,
    DocumentRestored,
    field_value,
)
from domain.kernel import RecordedEvent
from domain.kernel.access import signed_in
from domain.kernel.fields import Int32, Json
from projections.kernel import View


class DocumentRow(TypedDict):
    """A document. Title and content are null if its subject was erased."""

    id: str
    title: str | None
    content: Json | None
    tags: list[str]
    subject_id: str | None
    archived: bool
    version: Int32
    created_at: datetime
    created_by: str | None
    changed_at: datetime
    changed_by: str | None


def _apply(id: str, row: DocumentRow | None, event: RecordedEvent) -> DocumentRow | None:
    payload = event.payload
    if isinstance(payload, DocumentCreated):
        return DocumentRow(
            id=id,
            title=field_value(payload, "title"),
            content=field_value(payload, "content"),
            tags=payload.tags,
            subject_id=payload.subject_id,
            archived=False,
            version=event.version,
            created_at=event.time,
            created_by=event.commit.actor,
            changed_at=event.time,
            changed_by=event.commit.actor,
        )
    if row is None or isinstance(payload, DocumentDeleted):
        return None
    return _changed(_stamped(row, event), event)


def _changed(row: DocumentRow, event: RecordedEvent) -> DocumentRow:
    payload = event.payload
    match payload:
        case DocumentReplaced():
            return {**row, "content": field_value(payload, "content")}
        case DocumentPatched():
            return {**row, "content": patched(row["content"], payload)}
        case DocumentRenamed():
            return {**row, "title": field_value(payload, "title")}
        case DocumentArchived():
            return {**row, "archived": True}
        case DocumentRestored():
            text: DocumentRow = {
                **row,
                "title": field_value(payload, "title"),
                "content": field_value(payload, "content"),
            }
            return {**text, "archived": False}
        case _:
            return row


def _stamped(row: DocumentRow, event: RecordedEvent) -> DocumentRow:
    stamped: DocumentRow = {**row, "version": event.version, "changed_at": event.time}
    return {**stamped, "changed_by": event.commit.actor}


view = View(
    context=context,
    row=DocumentRow,
    apply=_apply,
    filters=(
        "title",
        "tags",
        "subject_id",
        "archived",
        "created_at",
        "created_by",
        "changed_at",
        "changed_by",
    ),
    orders=("title", "created_at", "changed_at"),
    indexes=(("archived", "-changed_at"),),
    search=("title", "content", "tags"),
    personal=("title", "content"),
    description="A title and any JSON value. Every version of a document is kept, also of a deleted one.",
    access=signed_in,
)
