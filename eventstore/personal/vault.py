"""Sealing personal data before it is appended, and opening it when it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import bson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.builtin.subjects.aggregate import Subject
from domain.builtin.subjects.events import SubjectErased
from domain.dispatch.ports import NewCommit
from domain.kernel.errors import PersonalDataRefused
from domain.kernel.event import Cause, Unreadable
from domain.kernel.personal import holds_personal_values, put_personal, split_personal
from eventstore.lru import LruCache
from eventstore.mongo.driver import CODEC, Document
from eventstore.personal.client_addresses import client_owner, client_to_seal, seal_client
from eventstore.personal.sealing import (
    NO_UNSEALED_PARTS,
    SealedEvent,
    SealedParts,
    UnsealedEvent,
    UnsealedParts,
    binding,
    blob,
    seal,
    seal_all,
    sealed_digest,
    subjects_of,
    unseal,
    unseal_all,
)
from eventstore.personal.subject_keys import (
    ERASED_KEY,
    ErasedKey,
    LockedKey,
    SubjectKey,
    SubjectKeys,
    owner_of,
)

CACHED_ERASURES = 50_000
"""Complete erasures that a process remembers."""


class Vault:
    """Seals and opens personal data under its subjects' keys."""

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys
        self._completed: LruCache[str, bool] = LruCache(CACHED_ERASURES)

    def prepare(self, commit: NewCommit) -> UnsealedParts:
        """Return the parts of the commit that must be sealed.

        Raises ValidationFailed where a value has no subject, PersonalDataRefused where there is personal data
        and no master key.
        """
        client = client_to_seal(commit)
        if client is None and not any(holds_personal_values(new.event) for new in commit.events):
            return NO_UNSEALED_PARTS
        events = {}
        for new in commit.events:
            data, personal = split_personal(new, commit.stream)
            if personal:
                encoded = {
                    subject: (list(values), bson.encode(values)) for subject, values in personal.items()
                }
                events[new.id] = UnsealedEvent(data, encoded)
        unsealed = UnsealedParts(events, client)
        if unsealed:
            self._keys.require_master()
        return unsealed

    async def seal(
        self, unsealed: Sequence[tuple[NewCommit, UnsealedParts]]
    ) -> list[SealedParts | PersonalDataRefused]:
        """Seal the parts of each commit; an error stands for a commit that cannot be stored.

        Raises what the driver raises.
        """
        owners = {
            owner_of(commit.tenant, subject)
            for commit, parts in unsealed
            for event in parts.events.values()
            for subject in event.personal
        } | {
            client_owner(commit.tenant, commit.actor)
            for commit, parts in unsealed
            if parts.client is not None
        }
        keys = await self._keys.obtain(owners)
        return [_sealed(commit, parts, keys) for commit, parts in unsealed]

    async def digests(self, documents: Sequence[Document]) -> list[bytes | None]:
        """Return the digest of each stored command; None without one, or where a subject was erased."""
        sealed = {
            owner_of(document["tenant"], subject)
            for document in documents
            if isinstance(digest := document["command"].get("digest"), dict)
            for subject in digest["subjects"]
        }
        keys = await self._keys.find(sealed) if sealed else {}
        return [_opened_digest(document, keys) for document in documents]

    async def open(self, documents: Sequence[Document]) -> Sequence[Document]:
        """Return the documents with their personal data opened, and None in the fields of erased subjects.

        An event is `unreadable` where a blob was changed, or where this process cannot unwrap its key.
        Documents without sealed data are returned unchanged, and cost no query.

        A reader of an erasure's record completes the erasure: the process that erases may have died between
        the record and the key. So nothing of the subject is readable with the record or after it.
        """
        sealed = _owners(documents)
        erased = {owner for owner in _erased(documents) if not self._completed.get(owner)}
        if not sealed and not erased:
            return documents
        keys = await self._keys.find(sealed | erased)
        if alive := [owner for owner in erased if not isinstance(keys.get(owner), ErasedKey)]:
            await self._keys.destroy(alive)
            keys.update(dict.fromkeys(alive, ERASED_KEY))
        for owner in erased:
            self._completed.put(owner, True)
        return [_opened(document, keys) for document in documents]


def _owners(documents: Sequence[Document]) -> set[str]:
    """Return the owners of the sealed data in the documents."""
    return {
        owner_of(document["tenant"], blob["subject"])
        for document in documents
        for event in document.get("events", ())
        if "sealed" in event
        for blob in event["sealed"]
    }


def _erased(documents: Sequence[Document]) -> set[str]:
    """Return the owners whose erasure the documents record."""
    return {
        owner_of(document["tenant"], event["data"]["subject"])
        for document in documents
        if document.get("category") == Subject.category
        for event in document["events"]
        if event["type"] == SubjectErased.type
    }


def _sealed(
    commit: NewCommit, unsealed: UnsealedParts, keys: Mapping[str, SubjectKey]
) -> SealedParts | PersonalDataRefused:
    sealed: dict[str, SealedEvent] = {}
    for event, (data, personal) in unsealed.events.items():
        blobs = []
        for subject, (fields, values) in personal.items():
            key = keys[owner_of(commit.tenant, subject)]
            if not isinstance(key, AESGCM):
                return _refused(subject, key)
            about = binding(commit.tenant, commit.stream, event, subject)
            blobs.append(blob(subject, fields, seal(key, values, about)))
        sealed[event] = SealedEvent(data, blobs)
    digest = _sealed_digest(commit, subjects_of(unsealed), keys)
    return SealedParts(sealed, digest, seal_client(commit, keys))


def _sealed_digest(
    commit: NewCommit, subjects: Sequence[str], keys: Mapping[str, SubjectKey]
) -> Document | None:
    """Return the command's digest, sealed so that guesses about an erased subject cannot be tested."""
    if commit.digest is None or not subjects:
        return None
    value = seal_all(
        _ciphers(commit.tenant, subjects, keys), commit.digest, *_about_digest(commit.command_id)
    )
    return sealed_digest(subjects, value)


def _about_digest(command_id: str) -> tuple[str, str]:
    return "digest", command_id


def _ciphers(
    tenant: str, subjects: Sequence[str], keys: Mapping[str, SubjectKey]
) -> list[tuple[str, AESGCM]]:
    """Return the keys that this process can use, with their subjects."""
    with_keys = [(subject, keys.get(owner_of(tenant, subject))) for subject in subjects]
    return [(subject, key) for subject, key in with_keys if isinstance(key, AESGCM)]


def _refused(subject: str, key: LockedKey | ErasedKey) -> PersonalDataRefused:
    if isinstance(key, ErasedKey):
        message = f"{subject} was erased; its personal data cannot be stored any more"
        return PersonalDataRefused(message, erased=subject)
    return PersonalDataRefused(
        f"no known master key unwraps the key of {subject}; add the one that does to old_master_keys"
    )


def _opened_digest(document: Document, keys: Mapping[str, SubjectKey]) -> bytes | None:
    command = document["command"]
    digest: bytes | Document | None = command.get("digest")
    if not isinstance(digest, dict):
        return digest
    subjects = digest["subjects"]
    ciphers = _ciphers(document["tenant"], subjects, keys)
    if len(ciphers) < len(subjects):
        return None
    try:
        return unseal_all(ciphers, digest["value"], *_about_digest(command["id"]))
    except InvalidTag:
        return None


def _opened(document: Document, keys: Mapping[str, SubjectKey]) -> Document:
    """Return a new document, since the stored one may be cached elsewhere and must stay sealed there."""
    if not any("sealed" in event for event in document.get("events", ())):
        return document
    place = document["tenant"], document["stream"]
    events = [
        _opened_event(*place, event, keys) if "sealed" in event else event for event in document["events"]
    ]
    return {**document, "events": events}


def _opened_event(tenant: str, stream: str, event: Document, keys: Mapping[str, SubjectKey]) -> Document:
    data, subjects, erased, unreadable = dict(event["data"]), [], [], None
    for sealed in event["sealed"]:
        subject = sealed["subject"]
        key = keys.get(owner_of(tenant, subject))
        put_personal(data, dict.fromkeys(sealed["fields"]))
        if isinstance(key, AESGCM):
            try:
                plaintext = unseal(key, sealed["value"], binding(tenant, stream, event["id"], subject))
            except InvalidTag:
                changed = f"the personal data of {subject} in it was changed after it was sealed"
                unreadable = Unreadable(Cause.TAMPERED, changed)
            else:
                values: Document = bson.decode(plaintext, CODEC)
                put_personal(data, values)
                subjects.append(subject)
        elif isinstance(key, LockedKey):
            locked = f"this process has no master key that unwraps the key of {subject}"
            unreadable = Unreadable(Cause.LOCKED, locked)
        else:
            erased.append(subject)
    concerned = {"subjects": tuple(subjects), "erased": tuple(erased)}
    return {**event, "data": data, "unreadable": unreadable, **concerned}
