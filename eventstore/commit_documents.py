"""The documents of commits: encoding a commit for MongoDB, and decoding a stored one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from struct import Struct, pack
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument

from domain.dispatch.ports import NewCommit, StoredCommand
from domain.kernel import Catalog, Commit, CommitInfo, Receipt, RecordedEvent
from domain.kernel.errors import ValidationFailed
from domain.kernel.event import NewEvent
from domain.kernel.fields import to_moment
from domain.kernel.personal import holds_personal_values
from eventstore.mongo.driver import Document
from eventstore.personal.sealing import NO_SEALED_PARTS, SealedParts

MAX_COMMIT_BYTES = 15_000_000
"""Largest encoded commit; MongoDB limits a document to 16 MiB."""

POSITION_ELEMENT = b"\x12_id\0"
"""Type and name of the element `_id` when it is a 64-bit integer."""

TIME_ELEMENT = b"\x09at\0"
"""Type and name of the element `at`, the first of an encoded commit."""

_LONG = Struct("<q")
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_TIME_ENDS = 4 + len(TIME_ELEMENT) + _LONG.size


def encode_commit(commit: NewCommit, sealed: SealedParts = NO_SEALED_PARTS) -> bytes:
    """Encode a commit as BSON, without its position, which `with_position` adds.

    The record time is the first element, so that `with_position` can replace it. `sealed` replaces the events
    that hold personal data, and the command's digest. The record of a command without events has the form of
    a tombstone, which older versions of nerve skip.

    Raises ValidationFailed for a commit that cannot be stored, before it joins a group that it would spoil.
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
    """Return the encoded document with its position as the first element, as bsonspec.org defines it.

    `at` replaces the record time that it was encoded with.
    """
    size = pack("<i", len(encoded) + len(POSITION_ELEMENT) + _LONG.size)
    head = size + POSITION_ELEMENT + _LONG.pack(position)
    if at is None:
        return RawBSONDocument(head + encoded[4:])
    time = TIME_ELEMENT + _LONG.pack((at - _EPOCH) // _MILLISECOND)
    return RawBSONDocument(head + time + encoded[_TIME_ENDS:])


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
        "restored": commit.restored or None,
        "authentication": commit.authentication,
        "client": sealed.client,
        "claim": commit.claim,
        "span": commit.span,
        "extensions": commit.extensions,
    }
    document.update({key: value for key, value in optional.items() if value is not None})
    return document


def _to_record(commit: NewCommit) -> Document:
    """Return the record of a command without events; without `stream`, since it has no version."""
    unchanged = {
        "stream": commit.stream,
        "version": commit.expected,
        "correlation": commit.correlation,
        "run": commit.run,
    }
    record: Document = {
        "at": commit.at,
        "tombstone": True,
        "tenant": commit.tenant,
        "command": _command(commit, commit.digest),
        "unchanged": unchanged if commit.actor is None else {**unchanged, "actor": commit.actor},
    }
    return record if commit.claim is None else {**record, "claim": commit.claim}


def _command(commit: NewCommit, digest: bytes | Document | None) -> Document:
    command = {"id": commit.command_id, "name": commit.command}
    return command if digest is None else {**command, "digest": digest}


def _stored(new: NewEvent, version: int, sealed: SealedParts) -> Document:
    event: Document = {
        "id": new.id,
        "type": new.event.type,
        "schema": new.event.revision,
        "version": version,
        "data": new.data,
    }
    if (own := sealed.events.get(new.id)) is not None:
        return {**event, "data": own.data, "sealed": own.sealed}
    if holds_personal_values(new.event):
        raise AssertionError(f"{new.event.type} holds personal data that was not sealed")
    return event


def tombstone(position: int, at: datetime) -> Document:
    """Return a document without a commit, which closes a position for ever."""
    return {"_id": position, "tombstone": True, "at": at}


def to_commit(document: Document, catalog: Catalog) -> Commit:
    """Decode a whole stored document."""
    position = document["_id"]
    if "tombstone" in document:
        return Commit(position, None, ())
    info = to_info(document)
    return Commit(position, info, _events(info, document["events"], catalog))


def as_read(commit: NewCommit, position: int, at: datetime) -> Commit:
    """Return a commit without personal data, of declared events, as it is read after it was stored."""
    if not commit.events:
        return Commit(position, None, ())
    info = CommitInfo(
        position=position,
        tenant=commit.tenant,
        stream=commit.stream,
        category=commit.category,
        command_id=commit.command_id,
        command=commit.command,
        correlation=commit.correlation,
        causation=commit.causation,
        actor=commit.actor,
        source=commit.source,
        at=to_moment(at),
        occurred=None if commit.occurred is None else to_moment(commit.occurred),
        recorded=None if commit.recorded is None else to_moment(commit.recorded),
        restored=commit.restored,
        authentication=commit.authentication,
        span=commit.span,
        extensions=commit.extensions,
    )
    events = [
        RecordedEvent(
            info, place, new.id, new.event.type, new.event.revision, version, new.data, new.event.as_stored()
        )
        for place, (version, new) in enumerate(enumerate(commit.events, commit.expected + 1))
    ]
    return Commit(position, info, tuple(events))


def to_info(document: Document) -> CommitInfo:
    """Decode the metadata of a stored commit; its events may lack their data."""
    command = document["command"]
    return CommitInfo(
        position=document["_id"],
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
        restored=document.get("restored", False),
        authentication=document.get("authentication"),
        client=document.get("client"),
        span=document.get("span"),
        extensions=document.get("extensions"),
    )


def _events(info: CommitInfo, events: list[dict[str, Any]], catalog: Catalog) -> tuple[RecordedEvent, ...]:
    return tuple([_event(info, place, event, catalog) for place, event in enumerate(events)])


def _event(info: CommitInfo, place: int, event: dict[str, Any], catalog: Catalog) -> RecordedEvent:
    name, version = event["type"], event["version"]
    if "sealed" in event:
        return _opened(info, place, event, catalog)
    revision, data, payload, unreadable = catalog.read(name, event["schema"], event["data"])
    return RecordedEvent(info, place, event["id"], name, revision, version, data, payload, unreadable)


def _opened(info: CommitInfo, place: int, event: dict[str, Any], catalog: Catalog) -> RecordedEvent:
    """Decode an event with personal data, which the vault has opened."""
    name, version = event["type"], event["version"]
    revision, data, payload, unreadable = event["schema"], event["data"], None, event["unreadable"]
    if unreadable is None:
        revision, data, payload, unreadable = catalog.read(name, revision, data)
    place_and_shape = (info, place, event["id"], name, revision, version)
    return RecordedEvent(*place_and_shape, data, payload, unreadable, event["subjects"], event["erased"])


def is_same_commit(commit: NewCommit, stored: Document) -> bool:
    """Return whether a stored document is this very commit, not another run of its command."""
    if not commit.events:
        return "unchanged" in stored and bool(stored["unchanged"]["run"] == commit.run)
    return "events" in stored and bool(stored["events"][0]["id"] == commit.events[0].id)


def new_receipt(commit: NewCommit, position: int) -> Receipt:
    """Return the receipt of a commit that has just landed at `position`."""
    version = commit.expected + len(commit.events)
    changed = bool(commit.events)
    return Receipt(commit.command_id, commit.stream, version, position, commit.correlation, changed=changed)


def first_receipt(commit: NewCommit, stored: Document) -> Receipt:
    """Return the receipt of the stored run of a command, which may be this very commit."""
    return to_receipt(stored, replayed=not is_same_commit(commit, stored))


def to_receipt(stored: Document, *, replayed: bool) -> Receipt:
    """Return the receipt of a stored commit, or of the record of a command without events."""
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


def to_stored_command(stored: Document, digest: bytes | None) -> StoredCommand:
    """Return the command of a stored commit, or of the record of a command without events."""
    name, receipt = stored["command"]["name"], to_receipt(stored, replayed=True)
    actor = stored.get("unchanged", stored).get("actor")
    return StoredCommand(name, digest, receipt, actor, stored.get("source"))


def last_version(stored: Document) -> int:
    """Return the version of the stream after a stored commit."""
    version: int = stored["events"][-1]["version"]
    return version
