"""Snapshots: the state of a stream at a version, so that a load need not begin at its first event.

Snapshots are never needed: a snapshot with any defect is dropped, and the events are read instead.
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
from eventstore.aggregates.state_fingerprint import state_fingerprint
from eventstore.mongo.driver import CODEC, Database, Document, unavailable_if_down
from eventstore.personal.sealed_state import StateSeal

logger = logging.getLogger(__name__)

A = TypeVar("A", bound=Aggregate[Any, Any])

MAX_STATE_BYTES = 15_000_000
"""Largest encoded state; MongoDB limits a document to 16 MiB."""


class AggregateSnapshot(NamedTuple, Generic[A]):
    """The state after the first `version` events of a stream; `event` is the id of the last of them.

    `subjects` are those whose personal data the state was folded from.
    """

    state: A
    version: int
    event: str
    subjects: frozenset[str] = frozenset()


class Snapshots:
    """Reads and writes the newest snapshot of each stream, one document each.

    A snapshot is valid only for the code that made it; a snapshot of other code is replaced. A state with
    personal data is sealed with `seal`, so that an erasure voids the snapshot; without `seal` it is not kept.
    """

    def __init__(self, database: Database, catalog: Catalog, seal: StateSeal | None = None) -> None:
        self._documents = database["snapshots"]
        self._seal = seal
        self._contexts = catalog.contexts
        # Now, while the source files are still those of the running code.
        self._fingerprints: dict[type[Aggregate[Any, Any]], str] = {}
        for context in self._contexts:
            self._fingerprint(context.aggregate)

    async def read(self, tenant: str, stream: str, kind: type[A]) -> AggregateSnapshot[A] | None:
        """Return the stream's snapshot of this code, None where there is no intact one. Raises Unavailable.

        The caller checks that the log has the event that the snapshot ends with.
        """
        with unavailable_if_down():
            document = await self._documents.find_one({"_id": _key(tenant, stream)})
            if document is None or document.get("fingerprint") != self._fingerprint(kind):
                return None
            opened = await self._opened(tenant, stream, document)
            if opened is None:
                void = {"version": document.get("version"), "digest": document.get("digest")}
                await self._drop(tenant, stream, void, "one of its subjects was erased, or it was changed")
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

    async def drop_foreign(self, tenant: str, stream: str, snapshot: AggregateSnapshot[Any]) -> None:
        """Drop a snapshot of a history that the log does not have, because an older backup was restored."""
        foreign = {"version": snapshot.version, "event": snapshot.event}
        with unavailable_if_down():
            await self._drop(tenant, stream, foreign, "the log does not have the event that it ends with")

    async def _drop(self, tenant: str, stream: str, fields: Document, reason: str) -> None:
        """Delete the snapshot if it still has these fields."""
        key = _key(tenant, stream)
        logger.warning("dropped the snapshot of %s: %s", key, reason)
        await self._documents.delete_one({"_id": key, **fields})

    async def write(self, tenant: str, stream: str, snapshot: AggregateSnapshot[Any]) -> None:
        """Store the snapshot, unless a newer one is stored or its state cannot be stored."""
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
        code = self._fingerprints.get(kind)
        if code is None:
            code = self._fingerprints[kind] = state_fingerprint(kind, self._contexts)
        return code


def _key(tenant: str, stream: str) -> str:
    return f"{tenant}/{stream}"


def _from_document(document: Document, opened: bytes, kind: type[A]) -> AggregateSnapshot[A]:
    key, code, version = document["_id"], document["fingerprint"], document["version"]
    event, state = document["event"], document["state"]
    if document["digest"] != _digest(key, code, version, event, state):
        raise ValueError("the digest does not match")
    return AggregateSnapshot(_decode(kind, opened), version, event, frozenset(document.get("subjects", ())))


def _digest(key: str, code: str, version: int, event: str, state: bytes) -> bytes:
    digest = hashlib.sha256(f"{key}\0{code}\0{version}\0{event}\0".encode())
    digest.update(state)
    return digest.digest()


def _encode(state: Aggregate[Any, Any]) -> bytes | None:
    """Return the state as BSON; None where decoding it would not give an equal state."""
    kind = type(state)
    try:
        encoded = _to_bson(state)
        decoded = _decode(kind, encoded)
        if decoded == state and _to_bson(decoded) == encoded:
            return encoded
        reason = "a decoded state is not equal to the encoded one"
    except UnfitValue as error:
        reason = str(error.at(owner=kind.__name__))
    logger.warning("states of %s get no snapshots: %s", kind.__name__, reason)
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
