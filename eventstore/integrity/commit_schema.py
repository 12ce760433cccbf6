"""The schema of stored commits. Messages name fields and kinds of errors, never the data."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NotRequired

from annotated_types import Ge, MinLen
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from eventstore.mongo.driver import Document

Name = Annotated[str, MinLen(1)]
Count = Annotated[int, Ge(1)]


class _Sealed(TypedDict):
    subject: Name
    fields: list[Name]
    value: bytes


class _Event(TypedDict):
    id: Name
    type: Name
    schema: Count
    version: Count
    data: dict[str, Any]
    sealed: NotRequired[list[_Sealed]]


class _SealedDigest(TypedDict):
    subjects: Annotated[list[Name], MinLen(1)]
    value: bytes


class _Command(TypedDict):
    id: Name
    name: Name
    digest: NotRequired[bytes | _SealedDigest]


class _Commit(TypedDict):
    tenant: Name
    stream: Name
    category: Name
    events: Annotated[list[_Event], MinLen(1)]
    command: _Command
    correlation: Name
    at: datetime
    causation: NotRequired[Name]
    actor: NotRequired[Name]
    source: NotRequired[Name]
    occurred: NotRequired[datetime]
    recorded: NotRequired[datetime]
    restored: NotRequired[bool]
    authentication: NotRequired[Name]
    client: NotRequired[bytes]
    claim: NotRequired[Name]
    span: NotRequired[bytes]
    extensions: NotRequired[Annotated[dict[Name, str | int | bool], MinLen(1)]]


class _Unchanged(TypedDict):
    stream: Name
    version: Annotated[int, Ge(0)]
    correlation: Name
    run: Name
    actor: NotRequired[Name]


class _Record(TypedDict):
    tenant: Name
    command: _Command
    unchanged: _Unchanged
    at: datetime
    claim: NotRequired[Name]


_COMMIT = TypeAdapter(_Commit)
_RECORD = TypeAdapter(_Record)
_TOMBSTONE = {"_id", "tombstone", "at"}
_RECORDED = _TOMBSTONE | _Record.__annotations__.keys() - {"claim"}


def commit_defect(document: Document) -> str | None:
    """Return what is wrong with a stored commit or tombstone, or None."""
    if "tombstone" in document:
        if "unchanged" in document and document.keys() - {"claim"} == _RECORDED:
            return _mismatch(_RECORD, document)
        is_tombstone = document.keys() - {"erased"} == _TOMBSTONE
        return None if is_tombstone else "a tombstone has other fields than it should"
    if (mismatch := _mismatch(_COMMIT, document)) is not None:
        return mismatch
    if not document["stream"].startswith(f"{document['category']}-"):
        return "the stream is not of the commit's category"
    versions = [event["version"] for event in document["events"]]
    if versions != list(range(versions[0], versions[0] + len(versions))):
        return "the versions of its events do not follow each other"
    return None


def _mismatch(schema: TypeAdapter[Any], document: Document) -> str | None:
    try:
        schema.validate_python(document, strict=True)
    except ValidationError as error:
        first, *more = error.errors(include_url=False, include_context=False, include_input=False)
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['type']}" + (f" and {len(more)} more" if more else "")
    return None


def without_data(document: Document) -> Document:
    """Return what the log has of a commit after archiving, without the number of its segment."""
    bare = {key: value for key, value in document.items() if key != "archived"}
    if "events" in bare:
        bare["events"] = [
            {key: value for key, value in event.items() if key not in ("data", "sealed")}
            for event in bare["events"]
        ]
    return bare


def with_empty_data(stub: Document) -> Document:
    """Return a stub with empty data, so that it has the fields of a whole commit."""
    events = stub.get("events")
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        return stub
    return {**stub, "events": [{"data": {}, **event} for event in events]}
