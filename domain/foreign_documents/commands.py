"""The command that records a change of a foreign document. `nerve cdc` sends it."""

from __future__ import annotations

import json
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Self

from pydantic import Field, JsonValue, model_validator

from domain.kernel import PutCommand
from domain.kernel.fields import Json

STREAM_DIGEST_BYTES = 16

SOURCE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"

SourceName = Annotated[str, Field(pattern=SOURCE_PATTERN)]
"""The name under which a foreign collection is recorded."""


class ForeignChange(StrEnum):
    """A change of a foreign document. COPIED and MISSING are what a copy of the collection has found.

    COPIED: the document is in the collection. MISSING: it was recorded before, and is not in the collection.
    """

    INSERTED = "INSERTED"
    UPDATED = "UPDATED"
    REPLACED = "REPLACED"
    DELETED = "DELETED"
    COPIED = "COPIED"
    MISSING = "MISSING"


HAS_DOCUMENT = (ForeignChange.INSERTED, ForeignChange.REPLACED, ForeignChange.COPIED)
"""Changes after which the document is known."""


def document_stream(source: str, key: JsonValue) -> str:
    """Return the stream of a document. It has a digest: a key may be any value, and names may be long."""
    text = json.dumps([source, key], ensure_ascii=False, separators=(",", ":"))
    digest = blake2b(text.encode(), digest_size=STREAM_DIGEST_BYTES).hexdigest()
    return f"foreigndocument-{digest}"


class RecordForeignChange(PutCommand):
    """Records a change of a document in a foreign collection. `nerve cdc` sends it."""

    source: SourceName = Field(description="The name under which the collection is recorded.")
    key: Json = Field(description="The `_id` of the document in extended JSON.")
    change: ForeignChange
    document: Json | None = Field(None, description="The document after the change, in extended JSON.")
    before: Json | None = Field(None, description="The document before the change, if that is known.")
    changed_fields: tuple[str, ...] = Field((), description="The paths of changed fields, of an update.")

    @model_validator(mode="after")
    def _check_document(self) -> Self:
        if self.change in HAS_DOCUMENT and not isinstance(self.document, dict):
            raise ValueError(f"{self.change} needs the document, an object")
        return self

    @property
    def target(self) -> str:
        """The stream of the document."""
        return document_stream(self.source, self.key)
