"""Erasing a subject: first the record in the log, then the key."""

from __future__ import annotations

from domain.builtin.subjects.aggregate import Subject
from domain.builtin.subjects.commands import EraseSubject
from domain.builtin.subjects.events import SubjectErased
from domain.kernel import Commit
from domain.kernel.errors import NotFound
from eventstore.personal.subject_keys import SubjectKeys, owner_of


class Erasure:
    """The conditions of an erasure that are outside the log: its subject has a key, which is destroyed.

    If a process dies between the record of the erasure and the end of the key, the next reader of the record
    destroys the key; see `Vault.open`.
    """

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys

    async def require_key(self, tenant: str, command: EraseSubject) -> None:
        """Raise NotFound for a subject that never had a key.

        It has no sealed data, and a mistyped id must not look erased.
        """
        if not await self._keys.find([owner_of(tenant, command.subject)]):
            raise NotFound(f"there is no personal data of {command.subject!r}, so nothing was erased")

    async def destroy_key(self, tenant: str, command: EraseSubject) -> None:
        """Destroy the key of the subject."""
        await self._keys.destroy([owner_of(tenant, command.subject)])


def erased_subjects(commit: Commit) -> list[str]:
    """Return the subjects whose erasure the commit records."""
    if commit.info is None or commit.info.category != Subject.category:
        return []
    return [event.data["subject"] for event in commit.events if event.type == SubjectErased.type]
