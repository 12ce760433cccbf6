"""What happens to access."""

from __future__ import annotations

from domain.builtin.revocations.commands import AccessKind
from domain.kernel import Event


class AccessEnded(Event, type="access.ended"):
    """Access has ended for credentials issued until now, and `until_restored` for those issued later too."""

    kind: AccessKind
    reason: str
    name: str | None = None
    until_restored: bool = False


class AccessRestored(Event, type="access.restored"):
    """Access that had ended is restored."""

    kind: AccessKind
    reason: str
    name: str | None = None
