"""Commits as documents: what one append looks like in MongoDB, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from struct import Struct, pack
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument

from domain.dispatch.ports import NewCommit
from domain.kernel import Catalog, Commit, CommitInfo, Receipt, RecordedEvent
from domain.kernel.errors import ValidationFailed
from domain.kernel.event import NewEvent
from domain.kernel.personal import personal_fields
from eventstore.mongo.driver import Document
from eventstore.personal.sealing import NO_SEALED_PARTS, SealedParts

MAX_COMMIT_BYTES = 15_000_000
"""Encoded size of one commit at most; MongoDB's own limit for a document is 16 MiB."""

POSITION_ELEMENT = b"\x12_id\0"
"""Type and name of the element `_id` when it is a 64-bit integer."""

TIME_ELEMENT = b"\x09at\0"
"""Type and name of the element `at`, the first of an encoded commit."""

_LONG = Struct("<q")
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_TIME_ENDS = 4 + len(TIME_ELEMENT) + _LONG.size


def encode_commit(commit: NewCommit, sealed: SealedParts = NO_SEALED_PARTS) -> bytes:
    """The document of a commit as BSON, without its position, which `with_position` adds.

    Its record time comes first, so that `with_position` can put another one in its place.

    `sealed` is what is stored of the events that hold personal data, and of the digest with them. The record
    of a command without events has the form of a tombstone, which older versions of nerve pass over.

    Encoded here, by itself, a commit that cannot be stored is refused before it could spoil the group that it
    would travel in. Raises ValidationFailed.
    """
    document = _to_document(commit, sealed) if commit.events else _to_record(commit)
    try:
        encoded = bson.encode(document)
    except (bson.errors.BSONError, OverflowError, UnicodeEncodeError) as error:
        raise ValidationFailed(f"an event of {commit.command} cannot be stored: {error}") from None
    if len(encoded) > MAX_COMMIT_BYTES:
        raise ValidationFailed(
            f"the events of {commit.command} take {len(encoded)} bytes, more than {MAX_COMMIT_BYTES}"
        )
    return encoded


def with_position(encoded: bytes, position: int, at: datetime | None = None) -> RawBSONDocument:
    """The encoded document with its position as the first element, by the rules of bsonspec.org.

    With `at` that is its record time, else the one it was encoded with.
    """
    size = pack("<i", len(encoded) + len(POSITION_ELEMENT) + _LONG.size)
    place = size + POSITION_ELEMENT + _LONG.pack(position)
    if at is None:
        return RawBSONDocument(place + encoded[4:])
    moment = TIME_ELEMENT + _LONG.pack((at - _EPOCH) // _MILLISECOND)
    return RawBSONDocument(place + moment + encoded[_TIME_ENDS:])


def _to_document(commit: NewCommit, sealed: SealedParts) -> Document:
    document: Document = {
        "at": commit.at,
        "tenant": commit.tenant,
        "stream": commit.stream,
        "category": commit.category,
        "events": [
            _stored(new, version, sealed) for version, new in enumerate(commit.events, commit.expected + 1)
        ],
        "command": _command(commit, sealed.digest or commit.digest),
        "correlation": commit.correlation,
    }
    optional = {
        "causation": commit.causation,
        "actor": commit.actor,
        "source": commit.source,
        "occurred": commit.occurred,
        "recorded": commit.recorded,
    }
    document.update((key, value) for key, value in optional.items() if value is not None)
    return document


def _to_record(commit: NewCommit) -> Document:
    """A command that changed nothing. It has no `stream`, whose versions it would take part in."""
    return {
        "at": commit.at,
        "tombstone": True,
        "tenant": commit.tenant,
        "command": _command(commit, commit.digest),
        "unchanged": {
            "stream": commit.stream,
            "version": commit.expected,
            "correlation": commit.correlation,
            "run": commit.run,
        },
    }


def _command(commit: NewCommit, digest: bytes | Document | None) -> Document:
    command = {"id": commit.command_id, "name": commit.command}
    return command if digest is None else {**command, "digest": digest}


def _stored(new: NewEvent, version: int, sealed: SealedParts) -> Document:
    event = {"id": new.id, "type": new.event.type, "schema": new.event.revision, "version": version}
    if (own := sealed.events.get(new.id)) is not None:
        return {**event, "data": own.data, "sealed": own.sealed}
    data = new.data
    if not data.keys().isdisjoint(personal_fields(type(new.event))):
        raise AssertionError(f"{new.event.type} holds personal data that was not sealed")
    return {**event, "data": data}


def tombstone(position: int, at: datetime) -> Document:
    """A commit of nothing, which settles a position for ever."""
    return {"_id": position, "tombstone": True, "at": at}


def to_commit(document: Document, catalog: Catalog) -> Commit:
    """A stored document as a commit, whole."""
    position = document["_id"]
    if "tombstone" in document:
        return Commit(position, None, ())
    command = document["command"]
    info = CommitInfo(
        position=position,
        tenant=document["tenant"],
        stream=document["stream"],
        category=document["category"],
        command_id=command["id"],
        command=command["name"],
        correlation=document["correlation"],
        causation=document.get("causation"),
        actor=document.get("actor"),
        source=document.get("source"),
        at=document["at"],
        occurred=document.get("occurred"),
        recorded=document.get("recorded"),
    )
    return Commit(position, info, _events(info, document["events"], catalog))


def _events(info: CommitInfo, events: list[dict[str, Any]], catalog: Catalog) -> tuple[RecordedEvent, ...]:
    return tuple([_event(info, place, event, catalog) for place, event in enumerate(events)])


def _event(info: CommitInfo, place: int, event: dict[str, Any], catalog: Catalog) -> RecordedEvent:
    name, version = event["type"], event["version"]
    if "sealed" in event:
        return _opened(info, place, event, catalog)
    revision, data, payload, unreadable = catalog.read(name, event["schema"], event["data"])
    return RecordedEvent(info, place, event["id"], name, revision, version, data, payload, unreadable)


def _opened(info: CommitInfo, place: int, event: dict[str, Any], catalog: Catalog) -> RecordedEvent:
    """An event with personal data, as the vault gave it back."""
    name, version = event["type"], event["version"]
    revision, data, payload, unreadable = event["schema"], event["data"], None, event["unreadable"]
    if unreadable is None:
        revision, data, payload, unreadable = catalog.read(name, revision, data)
    place_and_shape = (info, place, event["id"], name, revision, version)
    return RecordedEvent(*place_and_shape, data, payload, unreadable, event["subjects"], event["erased"])


def is_same_commit(commit: NewCommit, stored: Document) -> bool:
    """Whether a stored document is this very commit, not another run of its command."""
    if not commit.events:
        return "unchanged" in stored and bool(stored["unchanged"]["run"] == commit.run)
    return "events" in stored and bool(stored["events"][0]["id"] == commit.events[0].id)


def new_receipt(commit: NewCommit, position: int) -> Receipt:
    """The receipt of a commit that has just landed at `position`."""
    version = commit.expected + len(commit.events)
    changed = bool(commit.events)
    return Receipt(commit.command_id, commit.stream, version, position, commit.correlation, changed=changed)


def first_receipt(commit: NewCommit, stored: Document) -> Receipt:
    """The receipt of the first run of a command, which may be this very commit."""
    return to_receipt(stored, replayed=not is_same_commit(commit, stored))


def to_receipt(stored: Document, *, replayed: bool) -> Receipt:
    """The receipt of a stored commit, or of the record of a command that changed nothing."""
    if (unchanged := stored.get("unchanged")) is not None:
        return Receipt(
            command_id=stored["command"]["id"],
            stream=unchanged["stream"],
            version=unchanged["version"],
            position=stored["_id"],
            correlation=unchanged["correlation"],
            replayed=replayed,
            changed=False,
        )
    return Receipt(
        command_id=stored["command"]["id"],
        stream=stored["stream"],
        version=last_version(stored),
        position=stored["_id"],
        correlation=stored["correlation"],
        replayed=replayed,
    )


def last_version(stored: Document) -> int:
    """The version of the stream after this commit."""
    version: int = stored["events"][-1]["version"]
    return version
