"""The rules of ending and restoring access."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from domain.builtin.revocations.commands import EndAccess, RestoreAccess
from domain.builtin.revocations.events import AccessEnded, AccessRestored
from domain.kernel import Aggregate, Facts, NotFound

AccessEvent = AccessEnded | AccessRestored


@dataclass(frozen=True, slots=True)
class Revocation(Aggregate[EndAccess | RestoreAccess, AccessEvent]):
    """The access of one subject, credential, role or tenant; `has_ended` until it is restored.

    With `until_restored` it has also ended for credentials that are issued later.
    """

    category: ClassVar[str] = "access"

    has_ended: bool = False
    until_restored: bool = False

    def decide(self, command: EndAccess | RestoreAccess, facts: Facts) -> Sequence[AccessEvent]:
        match command:
            case EndAccess():
                # Also where access has ended before: this ends it for what was issued since.
                until_restored = command.until_restored or self.until_restored
                return [AccessEnded(**{**command.model_dump(), "until_restored": until_restored})]
            case RestoreAccess():
                return self._restored(command, facts)

    def _restored(self, command: RestoreAccess, facts: Facts) -> Sequence[AccessRestored]:
        if facts.version == 0:
            name = "" if command.name is None else f" {command.name!r}"
            raise NotFound(f"access of the {command.kind.lower()}{name} has never ended")
        if not self.has_ended:
            return []
        return [AccessRestored(kind=command.kind, name=command.name, reason=command.reason)]

    def evolve(self, event: AccessEvent) -> Revocation:
        if isinstance(event, AccessEnded):
            return Revocation(has_ended=True, until_restored=event.until_restored)
        return Revocation()
