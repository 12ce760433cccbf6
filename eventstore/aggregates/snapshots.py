"""Snapshots: the state of a stream at a version, so that a load need not begin at its first event.

A snapshot can always be done without: whatever is wrong with one, it is dropped and the events are read.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Generic, NamedTuple, TypeVar

import bson
from bson.errors import BSONError
from pymongo.errors import DuplicateKeyError

from domain.kernel import Aggregate, Catalog
from domain.kernel.errors import UnfitValue
from domain.kernel.types.annotations import record_type
from domain.kernel.types.stored_values import decoder, encoder
from eventstore.aggregates.fingerprint import state_fingerprint
from eventstore.mongo.driver import CODEC, Database, Document, unavailable_if_down
from eventstore.personal.sealed_state import StateSeal

logger = logging.getLogger(__name__)

A = TypeVar("A", bound=Aggregate[Any, Any])

MAX_STATE_BYTES = 15_000_000
"""Encoded size of a state at most; MongoDB's own limit for a document is 16 MiB."""


class Snapshot(NamedTuple, Generic[A]):
    """The state after the first `version` events of a stream; `event` is the id of the last of them.

    `subjects` are those whose personal data was read for it.
    """

    state: A
    version: int
    event: str
    subjects: frozenset[str] = frozenset()


class Snapshots:
    """The newest snapshot of each stream, in one document each.

    A snapshot counts only for the code that made it; what other code has left is replaced. What was read of
    personal data is sealed with `seal`, so that an erasure voids the snapshot; without it, it is not kept.
    """

    def __init__(self, database: Database, catalog: Catalog, seal: StateSeal | None = None) -> None:
        self._documents = database["snapshots"]
        self._seal = seal
        self._contexts = catalog.contexts
        # Now, while the source is that of the code which runs.
        self._fingerprints: dict[type[Aggregate[Any, Any]], str] = {}
        for context in self._contexts:
            self._fingerprint(context.aggregate)

    async def read(self, tenant: str, stream: str, kind: type[A]) -> Snapshot[A] | None:
        """The stream's snapshot by this code, None where there is none that is whole. Raises Unavailable.

        Whether the log has its history is for whoever reads on from it to see.
        """
        with unavailable_if_down():
            document = await self._documents.find_one({"_id": _key(tenant, stream)})
            if document is None or document.get("fingerprint") != self._fingerprint(kind):
                return None
            opened = await self._opened(tenant, stream, document)
            if opened is None:
                void = {"version": document.get("version"), "digest": document.get("digest")}
                await self._drop(tenant, stream, void, "a subject of it was erased, or it was changed")
                return None
            try:
                return _from_document(document, opened, kind)
            except (KeyError, TypeError, ValueError, UnfitValue, BSONError) as error:
                broken = {name: document.get(name) for name in ("version", "event", "digest")}
                await self._drop(tenant, stream, broken, f"it is broken ({type(error).__name__})")
                return None

    async def _opened(self, tenant: str, stream: str, document: Document) -> bytes | None:
        state: bytes = document.get("state", b"")
        subjects = document.get("subjects", ())
        if not subjects:
            return state
        return await self._seal.open(tenant, stream, subjects, state) if self._seal else None

    async def drop_foreign(self, tenant: str, stream: str, snapshot: Snapshot[Any]) -> None:
        """Drop a snapshot of a history that the log has not: it was restored to an earlier time."""
        foreign = {"version": snapshot.version, "event": snapshot.event}
        with unavailable_if_down():
            await self._drop(tenant, stream, foreign, "the log has not the event that it ends with")

    async def _drop(self, tenant: str, stream: str, found: Document, reason: str) -> None:
        key = _key(tenant, stream)
        logger.warning("the snapshot of %s is dropped: %s", key, reason)
        await self._documents.delete_one({"_id": key, **found})

    async def write(self, tenant: str, stream: str, snapshot: Snapshot[Any]) -> None:
        """Keep the snapshot unless a newer one is there; one whose state cannot be kept is let go."""
        encoded = _encode(snapshot.state)
        if encoded is None or len(encoded) > MAX_STATE_BYTES:
            return
        subjects = snapshot.subjects
        if subjects:
            encoded = await self._seal.seal(tenant, stream, subjects, encoded) if self._seal else None
            if encoded is None:
                return
        code, key = self._fingerprint(type(snapshot.state)), _key(tenant, stream)
        document = {
            "fingerprint": code,
            "version": snapshot.version,
            "event": snapshot.event,
            "state": encoded,
            "subjects": sorted(subjects),
            "digest": _digest(key, code, snapshot.version, snapshot.event, encoded),
        }
        older = {"$or": [{"fingerprint": {"$ne": code}}, {"version": {"$lt": snapshot.version}}]}
        try:
            await self._documents.update_one({"_id": key, **older}, {"$set": document}, upsert=True)
        except DuplicateKeyError:
            logger.debug("a newer snapshot of %s is there already", key)

    def _fingerprint(self, kind: type[Aggregate[Any, Any]]) -> str:
        known = self._fingerprints.get(kind)
        if known is None:
            known = self._fingerprints[kind] = state_fingerprint(kind, self._contexts)
        return known


def _key(tenant: str, stream: str) -> str:
    return f"{tenant}/{stream}"


def _from_document(document: Document, opened: bytes, kind: type[A]) -> Snapshot[A]:
    key, code, version = document["_id"], document["fingerprint"], document["version"]
    event, state = document["event"], document["state"]
    if document["digest"] != _digest(key, code, version, event, state):
        raise ValueError("the digest is another")
    return Snapshot(_decode(kind, opened), version, event, frozenset(document.get("subjects", ())))


def _digest(key: str, code: str, version: int, event: str, state: bytes) -> bytes:
    digest = hashlib.sha256(f"{key}\0{code}\0{version}\0{event}\0".encode())
    digest.update(state)
    return digest.digest()


def _encode(state: Aggregate[Any, Any]) -> bytes | None:
    """The state as BSON; None where what would come back is not the same."""
    kind = type(state)
    try:
        encoded = _to_bson(state)
        same = _decode(kind, encoded)
        if same == state and _to_bson(same) == encoded:
            return encoded
        reason = "they do not come back equal"
    except UnfitValue as error:
        reason = str(error.at(owner=kind.__name__))
    logger.warning("states of %s have no snapshots: %s", kind.__name__, reason)
    return None


def _to_bson(state: Aggregate[Any, Any]) -> bytes:
    encode = encoder(record_type(type(state)))
    assert encode is not None
    encoded: bytes = bson.encode(encode(state))
    return encoded


def _decode(kind: type[A], encoded: bytes) -> A:
    decode = decoder(record_type(kind))
    assert decode is not None
    state: A = decode(bson.decode(encoded, CODEC))
    return state
