"""What happens to documents.

Title and content of a document about a person are personal: the events of such a document hold them in
`personal`, under the same names, and those of any other in the plain fields.
"""

from __future__ import annotations

from typing import Annotated, Any

from domain.kernel import Event
from domain.kernel.access import signed_in
from domain.kernel.fields import Identifier, Json, Personal

PersonalJson = Annotated[Json | None, Personal(subject="subject_id")]


class DocumentCreated(Event, type="document.created"):
    """A document came to be. `personal` may hold `title` and `content`."""

    access = signed_in

    tags: list[str]
    subject_id: Identifier | None = None
    title: str | None = None
    content: Json | None = None
    personal: PersonalJson = None


class DocumentReplaced(Event, type="document.replaced"):
    """A document got another content. `personal` may hold `content`."""

    access = signed_in

    subject_id: Identifier | None = None
    content: Json | None = None
    personal: PersonalJson = None


class DocumentPatched(Event, type="document.patched"):
    """A document's content was changed by a JSON merge patch. `personal` may hold `patch`."""

    access = signed_in

    subject_id: Identifier | None = None
    patch: Json | None = None
    personal: PersonalJson = None


class DocumentRenamed(Event, type="document.renamed"):
    """A document got another title. `personal` may hold `title`."""

    access = signed_in

    subject_id: Identifier | None = None
    title: str | None = None
    personal: PersonalJson = None


class DocumentArchived(Event, type="document.archived"):
    """A document was put away."""

    access = signed_in

    reason: str | None = None


class DocumentDeleted(Event, type="document.deleted"):
    """A document was deleted for good."""

    access = signed_in

    reason: str | None = None


class DocumentRestored(Event, type="document.restored"):
    """Title and content of `version` became the newest. `personal` may hold `title` and `content`."""

    access = signed_in

    version: int
    subject_id: Identifier | None = None
    title: str | None = None
    content: Json | None = None
    personal: PersonalJson = None


DocumentEvent = (
    DocumentCreated
    | DocumentReplaced
    | DocumentPatched
    | DocumentRenamed
    | DocumentArchived
    | DocumentDeleted
    | DocumentRestored
)


def document_fields(subject_id: str | None, **values: Any) -> dict[str, Any]:
    """Return the fields of an event with these values, which are personal if the document has a subject."""
    return values if subject_id is None else {"subject_id": subject_id, "personal": values}


def field_value(event: DocumentEvent, name: str) -> Any:
    """Return the value of an event's field, personal or plain; None once its subject was erased."""
    subject_id, personal = getattr(event, "subject_id", None), getattr(event, "personal", None)
    if subject_id is None:
        return getattr(event, name)
    return None if personal is None else personal.get(name)
