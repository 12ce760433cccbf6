"""Sealing personal data with AES-GCM, and keys with it; pure but for the nonces."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
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
    """An event's data without what is personal, and that by subject: the fields, and their values as BSON."""

    data: Mapping[str, Any]
    personal: Mapping[str, tuple[Sequence[str], bytes]]


class SealedEvent(NamedTuple):
    """What is stored of an event with personal data: the rest of its data, and one blob a subject."""

    data: Mapping[str, Any]
    sealed: Sequence[Document]


UnsealedParts = Mapping[str, UnsealedEvent]
"""By the event's id; events without personal data are not among them."""


class SealedParts(NamedTuple):
    """What is stored of the events that hold personal data, by their ids, and of the digest of their command.

    `digest` is ``{"subjects": […], "value": <sealed under the keys of all of them>}``, or None.
    """

    events: Mapping[str, SealedEvent]
    digest: Document | None = None


NO_UNSEALED_PARTS: UnsealedParts = MappingProxyType({})
NO_SEALED_PARTS = SealedParts(MappingProxyType({}))


def new_key() -> bytes:
    """A key for AES-256."""
    return AESGCM.generate_key(8 * KEY_BYTES)


def seal(key: AESGCM, plaintext: bytes, about: bytes) -> bytes:
    """The plaintext encrypted and authenticated, bound to what it is `about`; its nonce comes first."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + key.encrypt(nonce, plaintext, about)


def unseal(key: AESGCM, sealed: bytes, about: bytes) -> bytes:
    """The plaintext; raises InvalidTag where it was changed, is about something else, or has another key."""
    return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)


def seal_all(keys: Sequence[tuple[str, AESGCM]], plaintext: bytes, *about: str) -> bytes:
    """The plaintext sealed under the keys of several subjects: without one of them it cannot be read."""
    for subject, key in keys:
        plaintext = seal(key, plaintext, binding(*about, subject))
    return plaintext


def unseal_all(keys: Sequence[tuple[str, AESGCM]], sealed: bytes, *about: str) -> bytes:
    """What `seal_all` sealed under the same keys in the same order; raises InvalidTag as `unseal`."""
    for subject, key in reversed(keys):
        sealed = unseal(key, sealed, binding(*about, subject))
    return sealed


def binding(*parts: str) -> bytes:
    """Texts as bytes that no other texts have."""
    encoded: bytes = bson.encode({str(place): part for place, part in enumerate(parts)})
    return encoded


class WrappedKey(NamedTuple):
    """A subject's key, encrypted; `master` is the id of the master key that does."""

    value: bytes
    master: str


class MasterKeys:
    """The master key, and those that keys may still be wrapped by. Raises ConfigurationError for no key."""

    def __init__(self, current: bytes, former: Sequence[bytes] = ()) -> None:
        if any(len(key) != KEY_BYTES for key in (current, *former)):
            raise ConfigurationError(f"a master key has {KEY_BYTES} bytes")
        self.current = _fingerprint(current)
        self._ciphers = {_fingerprint(key): AESGCM(key) for key in (*former, current)}

    def __contains__(self, master: object) -> bool:
        """Whether the master key of this id is at hand."""
        return master in self._ciphers

    def wrap(self, key: bytes, owner: str) -> WrappedKey:
        """The key, to be kept for `owner` alone."""
        return WrappedKey(seal(self._ciphers[self.current], key, binding(owner)), self.current)

    def unwrap(self, wrapped: WrappedKey, owner: str) -> bytes:
        """The key; raises KeyError without its master key, InvalidTag where it is not the owner's."""
        return unseal(self._ciphers[wrapped.master], wrapped.value, binding(owner))

    def __repr__(self) -> str:
        return f"MasterKeys({', '.join(self._ciphers)})"


def _fingerprint(key: bytes) -> str:
    """What tells master keys apart and tells nothing of them."""
    return hmac.digest(key, b"nerve master key", hashlib.sha256).hex()[:16]


def blob(subject: str, fields: Sequence[str], value: bytes) -> Document:
    """How sealed values are stored: whose and which they are stays legible."""
    return {"subject": subject, "fields": list(fields), "value": value}


def subjects_of(unsealed: UnsealedParts) -> list[str]:
    """The subjects of the events' personal data, in the order in which their keys seal together."""
    return sorted({subject for event in unsealed.values() for subject in event.personal})


def sealed_digest(subjects: Sequence[str], value: bytes) -> Document:
    """How the sealed digest of a command is stored."""
    return {"subjects": list(subjects), "value": value}


def seal_placeholder(unsealed: UnsealedParts, digest: bytes | None) -> SealedParts:
    """What takes as many bytes as it will take sealed."""
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
        for event, (data, personal) in unsealed.items()
    }
    return SealedParts(events, stored)
