"""Changes of foreign documents as commands, from what MongoDB reports. Pure.

https://www.mongodb.com/docs/manual/reference/change-events/ describes the events of a change stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import bson
from pydantic import JsonValue

from api.cdc.extended_json import FOREIGN_CODEC, to_json
from domain.foreign_documents.commands import ForeignChange, RecordForeignChange
from domain.kernel.errors import NerveError
from domain.kernel.fields import to_moment

MAX_DOCUMENT_BYTES = 15_000_000
"""Bytes of a document as JSON. MongoDB stores 16 MB, in which a commit has other fields too."""

MAX_BOTH_BYTES = 8_000_000
"""Bytes up to which an event has the document before the change too."""

OPERATIONS: Mapping[str, ForeignChange] = {
    "insert": ForeignChange.INSERTED,
    "update": ForeignChange.UPDATED,
    "replace": ForeignChange.REPLACED,
    "delete": ForeignChange.DELETED,
}

ENDS = frozenset(("drop", "rename", "dropDatabase", "invalidate"))
"""Events after which the collection is another one, or none."""


class DocumentChange(NamedTuple):
    """A change to record. `command_id` follows from its resume token; None for what a copy has found."""

    command: RecordForeignChange
    command_id: str | None = None
    occurred: datetime | None = None


def read_change(source: str, event: Mapping[str, Any]) -> DocumentChange:
    """Return the change that an event of a change stream reports about a document."""
    document, before = event.get("fullDocument"), event.get("fullDocumentBeforeChange")
    command = _command(
        source,
        OPERATIONS[event["operationType"]],
        event["documentKey"]["_id"],
        document=None if document is None else to_json(document),
        before=None if before is None else to_json(before),
        changed_fields=_changed_fields(event.get("updateDescription") or {}),
    )
    return DocumentChange(command, _command_id(source, event["_id"]), _time(event))


def copied_document(source: str, document: Mapping[str, Any]) -> DocumentChange:
    """Return the change of a document that was found in the collection."""
    copied = ForeignChange.COPIED
    return DocumentChange(_command(source, copied, document["_id"], document=to_json(document)))


def missing_document(source: str, key: JsonValue) -> DocumentChange:
    """Return the change of a document that is recorded and was not found in the collection."""
    return DocumentChange(RecordForeignChange(source=source, key=key, change=ForeignChange.MISSING))


def _command(
    source: str,
    change: ForeignChange,
    key: Any,
    *,
    document: JsonValue = None,
    before: JsonValue = None,
    changed_fields: tuple[str, ...] = (),
) -> RecordForeignChange:
    size = _size(document)
    if size > MAX_DOCUMENT_BYTES:
        raise NerveError(
            f"a document of {source} has {size:,} bytes as JSON, and the log stores {MAX_DOCUMENT_BYTES:,}; "
            "make it smaller in its collection, then start again with --snapshot"
        )
    return RecordForeignChange(
        source=source,
        key=to_json(key),
        change=change,
        document=document,
        before=before if size + _size(before) <= MAX_BOTH_BYTES else None,
        changed_fields=changed_fields,
    )


def _size(document: JsonValue) -> int:
    return 0 if document is None else len(bson.encode({"": document}))


def _command_id(source: str, token: Mapping[str, Any]) -> str:
    """Return the id of the command that records the change behind which the token resumes."""
    encoded = bson.encode({"source": source, "token": token}, codec_options=FOREIGN_CODEC)
    return f"cdc:{blake2b(encoded, digest_size=20).hexdigest()}"


def _changed_fields(update: Mapping[str, Any]) -> tuple[str, ...]:
    truncated = (array["field"] for array in update.get("truncatedArrays") or ())
    return (*(update.get("updatedFields") or ()), *(update.get("removedFields") or ()), *truncated)


def _time(event: Mapping[str, Any]) -> datetime:
    """Return when the change took place; servers before 6.0 report the second alone."""
    time: datetime = event.get("wallTime") or event["clusterTime"].as_datetime()
    return to_moment(time)
