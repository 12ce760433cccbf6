"""Sealing states with personal data under the keys of all their subjects."""

from __future__ import annotations

from collections.abc import Collection

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from eventstore.personal.sealing import seal_all, unseal_all
from eventstore.personal.subject_keys import SubjectKeys, owner_of


class StateSeal:
    """Seals a state under the keys of all its subjects: once one of them is destroyed, the state is lost.

    Every method raises Unavailable where MongoDB does not answer.
    """

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys

    async def seal(self, tenant: str, stream: str, subjects: Collection[str], state: bytes) -> bytes | None:
        """Return the sealed state, or None where a subject was erased meanwhile."""
        keys = await self._ciphers(tenant, subjects)
        if keys is None:
            return None
        return seal_all(keys, state, "state", tenant, stream)

    async def open(self, tenant: str, stream: str, subjects: Collection[str], sealed: bytes) -> bytes | None:
        """Return the opened state, or None where a subject was erased or the bytes were changed."""
        keys = await self._ciphers(tenant, subjects)
        if keys is None:
            return None
        try:
            return unseal_all(keys, sealed, "state", tenant, stream)
        except InvalidTag:
            return None

    async def _ciphers(self, tenant: str, subjects: Collection[str]) -> list[tuple[str, AESGCM]] | None:
        """Return the keys of the subjects in order, or None where one is not available."""
        keys_by_owner = await self._keys.find([owner_of(tenant, subject) for subject in subjects])
        keys = []
        for subject in sorted(subjects):
            key = keys_by_owner.get(owner_of(tenant, subject))
            if not isinstance(key, AESGCM):
                return None
            keys.append((subject, key))
        return keys
