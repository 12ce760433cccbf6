"""What happens to documents of foreign collections.

`source` names the collection, and `key` is the document's `_id`. Documents are in extended JSON. `before` is
the document before the change, where the foreign server keeps pre-images.
"""

from __future__ import annotations

from domain.kernel import Event, Json
from domain.kernel.access import role


class ForeignDocumentInserted(Event, type="foreign_document.inserted"):
    """A document was inserted, or `copied` from the collection as it stood."""

    access = role("foreign_documents")

    source: str
    key: Json
    document: Json
    copied: bool = False


class ForeignDocumentUpdated(Event, type="foreign_document.updated"):
    """Fields of a document were changed or removed: `changed_fields`, by their paths.

    `document` is the whole document after the change. It is None if the document was deleted before the
    server was asked for it.
    """

    access = role("foreign_documents")

    source: str
    key: Json
    changed_fields: tuple[str, ...]
    document: Json | None = None
    before: Json | None = None


class ForeignDocumentReplaced(Event, type="foreign_document.replaced"):
    """A document was replaced as a whole, or a copy of the collection has `copied` another document."""

    access = role("foreign_documents")

    source: str
    key: Json
    document: Json
    before: Json | None = None
    copied: bool = False


class ForeignDocumentDeleted(Event, type="foreign_document.deleted"):
    """A document was deleted, or a copy of the collection did not contain it any more."""

    access = role("foreign_documents")

    source: str
    key: Json
    before: Json | None = None
    copied: bool = False


ForeignDocumentEvent = (
    ForeignDocumentInserted | ForeignDocumentUpdated | ForeignDocumentReplaced | ForeignDocumentDeleted
)
