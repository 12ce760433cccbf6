"""What happens to access."""

from __future__ import annotations

from datetime import datetime

from domain.builtin.revocations.commands import AccessKind
from domain.kernel import Event


class AccessEnded(Event, type="access.ended"):
    """Access has ended for credentials issued before `issued_before`, for all of them where that is None."""

    kind: AccessKind
    reason: str
    name: str | None = None
    issued_before: datetime | None = None


class AccessRestored(Event, type="access.restored"):
    """Access that had ended is restored."""

    kind: AccessKind
    reason: str
    name: str | None = None
