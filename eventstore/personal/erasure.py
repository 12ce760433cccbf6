"""Erasing a subject: the record first, then the key; and who meets the record."""

from __future__ import annotations

from domain.kernel import Commit, Envelope, Middleware, Receipt
from domain.kernel.bus import Handler
from domain.subjects.aggregate import Subject
from domain.subjects.commands import EraseSubject
from domain.subjects.events import SubjectErased
from eventstore.personal.keys import SubjectKeys, owner_of


def destroying(keys: SubjectKeys) -> Middleware:
    """Destroys the key of a subject once its erasure is on record, before the caller has the receipt.

    Should this process die in between, the next reader of the record does it, see the `Vault`.
    """

    async def layer(envelope: Envelope, following: Handler) -> Receipt:
        receipt = await following(envelope)
        if isinstance(envelope.command, EraseSubject):
            await keys.destroy([owner_of(envelope.scope.tenant, envelope.command.subject)])
        return receipt

    return layer


def erased_in(commit: Commit) -> list[str]:
    """The subjects that the commit records as erased."""
    if commit.info is None or commit.info.category != Subject.category:
        return []
    return [event.data["subject"] for event in commit.events if event.type == SubjectErased.type]
