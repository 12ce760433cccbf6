"""The rules of one document: every change is a new version, and nothing is overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, assert_never

from pydantic import JsonValue

from domain.documents.commands import (
    ArchiveDocument,
    CreateDocument,
    DeleteDocument,
    MergeDocument,
    PatchDocument,
    RenameDocument,
    ReplaceDocument,
    RestoreDocument,
)
from domain.documents.events import (
    DocumentArchived,
    DocumentCreated,
    DocumentDeleted,
    DocumentEvent,
    DocumentPatched,
    DocumentRenamed,
    DocumentReplaced,
    DocumentRestored,
    document_fields,
    field_value,
)
from domain.documents.json_patch import apply_steps, read_steps
from domain.documents.merging import INEXPRESSIBLE, is_same_json, merge_patch, merged
from domain.documents.three_way import MergeConflict, merge_edits
from domain.kernel import Aggregate, Facts, InvariantViolated, NotFound

DocumentCommand = (
    CreateDocument
    | ReplaceDocument
    | PatchDocument
    | MergeDocument
    | RenameDocument
    | ArchiveDocument
    | DeleteDocument
    | RestoreDocument
)

EDITIONS = 100
"""Versions that a document can be restored to, or an edit of which can be merged: its last ones."""

Edition = tuple[str | None, JsonValue]
"""The title and the content of a version."""


@dataclass(frozen=True, slots=True)
class Document(Aggregate[DocumentCommand, DocumentEvent]):
    """A document as it stands. Fields that begin with an underscore are internal to its rules."""

    category: ClassVar[str] = "document"

    title: str | None = None
    content: JsonValue = None
    tags: tuple[str, ...] = ()
    subject_id: str | None = None
    archived: bool = False
    deleted: bool = False
    _editions: tuple[Edition, ...] = ()

    def decide(self, command: DocumentCommand, facts: Facts) -> Sequence[DocumentEvent]:
        if self.deleted:
            raise NotFound(f"{facts.stream_id} was deleted; its versions can still be read")
        match command:
            case CreateDocument():
                text = document_fields(command.subject_id, title=command.title, content=command.content)
                return [DocumentCreated(tags=command.tags, **text)]
            case RestoreDocument():
                return self._restore(command, facts)
            case DeleteDocument():
                return [DocumentDeleted(reason=command.reason)]
        if self.archived:
            raise InvariantViolated("the document is archived; restore it to one of its versions first")
        match command:
            case ReplaceDocument():
                return self._change(command.content, DocumentReplaced, {"content": command.content})
            case PatchDocument():
                return self._patch(command.patch)
            case MergeDocument():
                return self._merge(command, facts)
            case RenameDocument():
                return self._rename(command.title)
            case ArchiveDocument():
                return [DocumentArchived(reason=command.reason)]
            case _:
                assert_never(command)

    def evolve(self, event: DocumentEvent) -> Document:
        after = self._after(event)
        edition = (after.title, after.content)
        return replace(after, _editions=(*self._editions, edition)[-EDITIONS:])

    def _after(self, event: DocumentEvent) -> Document:
        match event:
            case DocumentCreated():
                return Document(
                    title=field_value(event, "title"),
                    content=field_value(event, "content"),
                    tags=tuple(event.tags),
                    subject_id=event.subject_id,
                )
            case DocumentReplaced():
                return replace(self, content=field_value(event, "content"))
            case DocumentPatched():
                return replace(self, content=patched(self.content, event))
            case DocumentRenamed():
                return replace(self, title=field_value(event, "title"))
            case DocumentArchived():
                return replace(self, archived=True)
            case DocumentDeleted():
                return Document(subject_id=self.subject_id, deleted=True)
            case DocumentRestored():
                title, content = field_value(event, "title"), field_value(event, "content")
                return replace(self, title=title, content=content, archived=False)
            case _:
                assert_never(event)

    def _rename(self, title: str | None) -> Sequence[DocumentEvent]:
        return (
            [] if title == self.title else [DocumentRenamed(**document_fields(self.subject_id, title=title))]
        )

    def _change(
        self, content: JsonValue, event: type[DocumentReplaced | DocumentPatched], what: dict[str, JsonValue]
    ) -> Sequence[DocumentEvent]:
        return (
            [] if is_same_json(content, self.content) else [event(**document_fields(self.subject_id, **what))]
        )

    def _patch(self, patch: JsonValue) -> Sequence[DocumentEvent]:
        if not isinstance(patch, list):
            return self._change(merged(self.content, patch), DocumentPatched, {"patch": patch})
        return self._change_to(apply_steps(self.content, read_steps(patch)))

    def _change_to(self, content: JsonValue) -> Sequence[DocumentEvent]:
        # A merge patch is stored if there is one: it names what changed, without the rest.
        patch = merge_patch(self.content, content)
        if patch is INEXPRESSIBLE:
            return self._change(content, DocumentReplaced, {"content": content})
        return self._change(content, DocumentPatched, {"patch": patch})

    def _merge(self, command: MergeDocument, facts: Facts) -> Sequence[DocumentEvent]:
        title, content = self._edition(command.base_version, facts)
        merge = merge_edits(
            {"title": title, "content": content},
            {"title": self.title, "content": self.content},
            {"title": title if command.title is None else command.title, "content": command.content},
            command.merge_rules(),
        )
        if merge.conflicts:
            raise MergeConflict(facts.stream_id, command.base_version, facts.version, merge.conflicts)
        return [*self._rename(merge.value["title"]), *self._change_to(merge.value["content"])]

    def _restore(self, command: RestoreDocument, facts: Facts) -> Sequence[DocumentEvent]:
        title, content = self._edition(command.version, facts)
        if not self.archived and title == self.title and is_same_json(content, self.content):
            return []
        text = document_fields(self.subject_id, title=title, content=content)
        return [DocumentRestored(version=command.version, **text)]

    def _edition(self, version: int, facts: Facts) -> Edition:
        """Return the title and content of a version. Raises NotFound and InvariantViolated."""
        if version > facts.version:
            raise NotFound(f"the document has no version {version} yet; its last is {facts.version}")
        oldest = facts.version - len(self._editions) + 1
        if version < oldest:
            raise InvariantViolated(
                f"version {version} is not one of the last {EDITIONS}, to which a document can be restored "
                "and whose edits can be merged; read its state and replace the content with that"
            )
        return self._editions[version - oldest]


def patched(content: JsonValue, event: DocumentPatched) -> JsonValue:
    """Return the content after a patch; None once the subject of the document was erased."""
    if event.subject_id is not None and event.personal is None:
        return None
    return merged(content, field_value(event, "patch"))
