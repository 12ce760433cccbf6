"""Encryption of personal data and of keys with AES-GCM; pure except for the nonces."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import bson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.kernel.errors import ConfigurationError
from eventstore.mongo.driver import Document

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


class UnsealedEvent(NamedTuple):
    """An event's data without personal fields, and these by subject: names, and values as BSON."""

    data: Mapping[str, Any]
    personal: Mapping[str, tuple[Sequence[str], bytes]]


class SealedEvent(NamedTuple):
    """The stored parts of an event with personal data: its other data, and one blob for each subject."""

    data: Mapping[str, Any]
    sealed: Sequence[Document]


@dataclass(frozen=True, slots=True)
class UnsealedParts:
    """The parts of a commit to seal: events with personal data, by id, and the address of its client."""

    events: Mapping[str, UnsealedEvent] = field(default_factory=dict)
    client: str | None = None

    def __bool__(self) -> bool:
        return bool(self.events) or self.client is not None


class SealedParts(NamedTuple):
    """The stored parts of events with personal data, by event id, and the sealed digest of their command.

    `digest` is ``{"subjects": […], "value": <sealed under the keys of all of them>}``, or None. `client` is
    the address of the client, sealed under the key of the actor.
    """

    events: Mapping[str, SealedEvent]
    digest: Document | None = None
    client: bytes | None = None


NO_UNSEALED_PARTS = UnsealedParts()
NO_SEALED_PARTS = SealedParts(MappingProxyType({}))


def new_key() -> bytes:
    """Return a new key for AES-256."""
    return AESGCM.generate_key(8 * KEY_BYTES)


def seal(key: AESGCM, plaintext: bytes, about: bytes) -> bytes:
    """Encrypt and authenticate the plaintext, bound to `about`; the nonce comes first."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + key.encrypt(nonce, plaintext, about)


def unseal(key: AESGCM, sealed: bytes, about: bytes) -> bytes:
    """Decrypt; raises InvalidTag where the text was changed, or `about` or the key is another one."""
    return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)


def seal_all(keys: Sequence[tuple[str, AESGCM]], plaintext: bytes, *about: str) -> bytes:
    """Seal the plaintext under the keys of several subjects: all of them are needed to read it."""
    for subject, key in keys:
        plaintext = seal(key, plaintext, binding(*about, subject))
    return plaintext


def unseal_all(keys: Sequence[tuple[str, AESGCM]], sealed: bytes, *about: str) -> bytes:
    """Reverse `seal_all` with the same keys in the same order; raises InvalidTag as `unseal` does."""
    for subject, key in reversed(keys):
        sealed = unseal(key, sealed, binding(*about, subject))
    return sealed


def binding(*parts: str) -> bytes:
    """Encode texts as bytes that no other texts have."""
    encoded: bytes = bson.encode({str(place): part for place, part in enumerate(parts)})
    return encoded


class WrappedKey(NamedTuple):
    """A subject's key, encrypted by the master key with the id `master`."""

    value: bytes
    master: str


class MasterKeys:
    """The master key, and former ones that may still wrap keys; ConfigurationError for a wrong size."""

    def __init__(self, current: bytes, former: Sequence[bytes] = ()) -> None:
        if any(len(key) != KEY_BYTES for key in (current, *former)):
            raise ConfigurationError(f"a master key has {KEY_BYTES} bytes")
        self.current = _fingerprint(current)
        self._ciphers = {_fingerprint(key): AESGCM(key) for key in (*former, current)}

    def __contains__(self, master: object) -> bool:
        """Return whether the master key with this id is available."""
        return master in self._ciphers

    def wrap(self, key: bytes, owner: str) -> WrappedKey:
        """Encrypt a key for `owner`; it cannot be unwrapped for another owner."""
        return WrappedKey(seal(self._ciphers[self.current], key, binding(owner)), self.current)

    def unwrap(self, wrapped: WrappedKey, owner: str) -> bytes:
        """Decrypt a key; raises KeyError without its master key, InvalidTag for another owner's key."""
        return unseal(self._ciphers[wrapped.master], wrapped.value, binding(owner))

    def __repr__(self) -> str:
        return f"MasterKeys({', '.join(self._ciphers)})"


def _fingerprint(key: bytes) -> str:
    """Return an id of a master key that reveals nothing of it."""
    return hmac.digest(key, b"nerve master key", hashlib.sha256).hex()[:16]


def blob(subject: str, fields: Sequence[str], value: bytes) -> Document:
    """Return the stored form of sealed values: subject and field names stay readable."""
    return {"subject": subject, "fields": list(fields), "value": value}


def subjects_of(unsealed: UnsealedParts) -> list[str]:
    """Return the subjects of the events' personal data, in the order in which `seal_all` uses their keys."""
    return sorted({subject for event in unsealed.events.values() for subject in event.personal})


def sealed_digest(subjects: Sequence[str], value: bytes) -> Document:
    """Return the stored form of the sealed digest of a command."""
    return {"subjects": list(subjects), "value": value}


def seal_placeholder(unsealed: UnsealedParts, digest: bytes | None) -> SealedParts:
    """Return a placeholder with the size of the sealed parts."""
    if not unsealed:
        return NO_SEALED_PARTS
    subjects = subjects_of(unsealed)
    size = len(digest or b"") + len(subjects) * (NONCE_BYTES + TAG_BYTES)
    stored = sealed_digest(subjects, bytes(size)) if subjects and digest is not None else None
    events = {
        event: SealedEvent(
            data,
            [
                blob(subject, fields, bytes(NONCE_BYTES + len(values) + TAG_BYTES))
                for subject, (fields, values) in personal.items()
            ],
        )
        for event, (data, personal) in unsealed.events.items()
    }
    client = None if unsealed.client is None else bytes(NONCE_BYTES + len(unsealed.client) + TAG_BYTES)
    return SealedParts(events, stored, client)
