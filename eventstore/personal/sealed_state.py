"""States with personal data, sealed so that they cannot outlive any of their subjects' keys."""

from __future__ import annotations

from collections.abc import Collection

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from eventstore.personal.keys import SubjectKeys, owner_of
from eventstore.personal.sealing import seal_all, unseal_all


class StateSeal:
    """Seals a state under the keys of all its subjects, one around the other: without one of them it is lost.

    Every method raises Unavailable where MongoDB does not answer.
    """

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys

    async def seal(self, tenant: str, stream: str, subjects: Collection[str], state: bytes) -> bytes | None:
        """The state sealed; None where a subject was erased meanwhile."""
        keys = await self._ciphers(tenant, subjects)
        if keys is None:
            return None
        return seal_all(keys, state, "state", tenant, stream)

    async def open(self, tenant: str, stream: str, subjects: Collection[str], sealed: bytes) -> bytes | None:
        """The state; None where a subject was erased, or it is not what was sealed."""
        keys = await self._ciphers(tenant, subjects)
        if keys is None:
            return None
        try:
            return unseal_all(keys, sealed, "state", tenant, stream)
        except InvalidTag:
            return None

    async def _ciphers(self, tenant: str, subjects: Collection[str]) -> list[tuple[str, AESGCM]] | None:
        """The key of each subject in order, None where one is not to be had."""
        found = await self._keys.find([owner_of(tenant, subject) for subject in subjects])
        keys = []
        for subject in sorted(subjects):
            key = found.get(owner_of(tenant, subject))
            if not isinstance(key, AESGCM):
                return None
            keys.append((subject, key))
        return keys
