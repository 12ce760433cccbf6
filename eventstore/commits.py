"""Commits as documents: what one append looks like in MongoDB, and back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import bson

from domain.kernel import Catalog, Commit, CommitInfo, Receipt, RecordedEvent
from domain.kernel.errors import ValidationFailed
from domain.kernel.ports import NewCommit
from eventstore.driver import Document

MAX_COMMIT_BYTES = 15_000_000
"""Encoded size of one commit at most; MongoDB's own limit for a document is 16 MiB."""


def to_document(commit: NewCommit) -> Document:
    """The document of a commit, without its position.

    Raises ValidationFailed where MongoDB could not store it, so that it never spoils the group it travels in.
    """
    if not commit.events:
        raise ValidationFailed(f"{commit.command} caused no event; only events can be appended")
    document: Document = {
        "tenant": commit.tenant,
        "stream": commit.stream,
        "category": commit.category,
        "events": [
            {
                "id": new.id,
                "type": new.event.type,
                "schema": new.event.revision,
                "version": version,
                "data": new.event.to_data(),
            }
            for version, new in enumerate(commit.events, commit.expected + 1)
        ],
        "command": {"id": commit.command_id, "name": commit.command},
        "correlation": commit.correlation,
        "at": commit.at,
    }
    optional = {
        "causation": commit.causation,
        "actor": commit.actor,
        "source": commit.source,
        "occurred": commit.occurred,
    }
    document.update((key, value) for key, value in optional.items() if value is not None)
    _check_size(commit, document)
    return document


def _check_size(commit: NewCommit, document: Document) -> None:
    try:
        size = len(bson.encode(document))
    except (bson.errors.BSONError, OverflowError) as error:
        raise ValidationFailed(f"an event of {commit.command} holds what cannot be stored: {error}") from None
    if size > MAX_COMMIT_BYTES:
        raise ValidationFailed(
            f"the events of {commit.command} take {size} bytes, more than the {MAX_COMMIT_BYTES} allowed"
        )


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
    )
    return Commit(position, info, _events(info, document["events"], catalog))


def _events(info: CommitInfo, events: list[dict[str, Any]], catalog: Catalog) -> tuple[RecordedEvent, ...]:
    return tuple(
        RecordedEvent(
            commit=info,
            place=place,
            id=event["id"],
            type=event["type"],
            revision=event["schema"],
            version=event["version"],
            data=event["data"],
            payload=catalog.payload(event["type"], event["data"]),
        )
        for place, event in enumerate(events)
    )


def is_stored_as(commit: NewCommit, stored: Document) -> bool:
    """Whether a stored document is this very commit, not another run of its command."""
    return "events" in stored and bool(stored["events"][0]["id"] == commit.events[0].id)


def to_receipt(stored: Document, *, replayed: bool) -> Receipt:
    """The receipt of a stored commit."""
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
