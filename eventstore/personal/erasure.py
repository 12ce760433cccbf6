"""Erasing a subject: first the record in the log, then the key."""

from __future__ import annotations

from domain.builtin.subjects.aggregate import Subject
from domain.builtin.subjects.commands import EraseSubject
from domain.builtin.subjects.events import SubjectErased
from domain.dispatch import Middleware
from domain.dispatch.bus import Handler
from domain.kernel import Commit, Envelope, Receipt
from domain.kernel.errors import NotFound
from eventstore.personal.keys import SubjectKeys, owner_of


def destroy_key_on_erasure(keys: SubjectKeys) -> Middleware:
    """Return the middleware that destroys a subject's key once its erasure is recorded.

    It does so before the caller gets the receipt. If this process dies in between, the next reader of the
    record does it; see `Vault.open`. Raises NotFound for a subject that never had a key: it has no sealed
    data, and a mistyped id must not look erased.
    """

    async def layer(envelope: Envelope, following: Handler) -> Receipt:
        command = envelope.command
        if not isinstance(command, EraseSubject):
            return await following(envelope)
        owner = owner_of(envelope.scope.tenant, command.subject)
        if not await keys.find([owner]):
            raise NotFound(f"there is no personal data of {command.subject!r}, so nothing was erased")
        receipt = await following(envelope)
        await keys.destroy([owner])
        return receipt

    return layer


def erased_subjects(commit: Commit) -> list[str]:
    """Return the subjects whose erasure the commit records."""
    if commit.info is None or commit.info.category != Subject.category:
        return []
    return [event.data["subject"] for event in commit.events if event.type == SubjectErased.type]
