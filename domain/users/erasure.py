"""The policy `erase_deleted_users`: the personal data of a deleted user is erased."""

from __future__ import annotations

from collections.abc import Iterable

from domain.builtin.subjects.commands import EraseSubject
from domain.kernel import Command, RecordedEvent
from domain.process import Policy
from domain.users.events import UserDeleted


def _erase(event: RecordedEvent) -> Iterable[Command]:
    """Erase the user, who is the subject of the personal data of its own stream."""
    return [EraseSubject(subject=event.stream, reason="the user was deleted")]


policies = (Policy("erase_deleted_users", (UserDeleted,), _erase),)
