"""The rules of one foreign document: what is recorded of a change, given what was recorded before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import ClassVar, assert_never

from pydantic import JsonValue

from domain.foreign_documents.commands import ForeignChange, RecordForeignChange
from domain.foreign_documents.events import (
    ForeignDocumentDeleted,
    ForeignDocumentEvent,
    ForeignDocumentInserted,
    ForeignDocumentReplaced,
    ForeignDocumentUpdated,
)
from domain.kernel import Aggregate, Facts


@dataclass(frozen=True, slots=True)
class ForeignDocument(Aggregate[RecordForeignChange, ForeignDocumentEvent]):
    """A document of a foreign collection: whether it exists, and the digest of its content if that is known.

    Changes of the collection are facts and never refused. Where a change comes again that a copy contains
    already, its event is recorded too: the last change of a document is what the collection contains.
    """

    category: ClassVar[str] = "foreigndocument"

    exists: bool = False
    digest: str | None = None

    def decide(self, command: RecordForeignChange, facts: Facts) -> Sequence[ForeignDocumentEvent]:
        return self._events(command)

    def evolve(self, event: ForeignDocumentEvent) -> ForeignDocument:
        match event:
            case ForeignDocumentInserted() | ForeignDocumentReplaced() | ForeignDocumentUpdated():
                known = event.document is not None
                return ForeignDocument(True, content_digest(event.document) if known else None)
            case ForeignDocumentDeleted():
                return ForeignDocument()
            case _:
                assert_never(event)

    def _events(self, command: RecordForeignChange) -> Sequence[ForeignDocumentEvent]:
        match command.change:
            case ForeignChange.INSERTED:
                return [self._inserted(command)]
            case ForeignChange.UPDATED:
                return self._updated(command)
            case ForeignChange.REPLACED:
                return [self._replaced(command)]
            case ForeignChange.COPIED:
                if self.exists and self.digest == content_digest(command.document):
                    return []
                return [self._replaced(command) if self.exists else self._inserted(command)]
            case ForeignChange.DELETED | ForeignChange.MISSING:
                return [self._deleted(command)] if self.exists else []
            case _:
                assert_never(command.change)

    def _updated(self, command: RecordForeignChange) -> Sequence[ForeignDocumentUpdated]:
        if command.document is None and not self.exists:
            # Deleted since, and not known before: the deletion follows.
            return []
        return [
            ForeignDocumentUpdated(
                source=command.source,
                key=command.key,
                changed_fields=command.changed_fields,
                document=command.document,
                before=command.before,
            )
        ]

    def _inserted(self, command: RecordForeignChange) -> ForeignDocumentInserted:
        copied = command.change is ForeignChange.COPIED
        return ForeignDocumentInserted(
            source=command.source, key=command.key, document=command.document, copied=copied
        )

    def _replaced(self, command: RecordForeignChange) -> ForeignDocumentReplaced:
        return ForeignDocumentReplaced(
            source=command.source,
            key=command.key,
            document=command.document,
            before=command.before,
            copied=command.change is ForeignChange.COPIED,
        )

    def _deleted(self, command: RecordForeignChange) -> ForeignDocumentDeleted:
        copied = command.change is ForeignChange.MISSING
        return ForeignDocumentDeleted(
            source=command.source, key=command.key, before=command.before, copied=copied
        )


def content_digest(document: JsonValue) -> str:
    """Return the digest of a document; the order of its fields counts, as it does in MongoDB."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=16).hexdigest()
