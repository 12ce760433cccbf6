"""Events of dead letters."""

from __future__ import annotations

from domain.kernel import Event, Severity
from domain.kernel.fields import Identifier


class DeadLetterRetried(Event, type="deadletter.retried"):
    """A parked event of a row is folded again from here on, if it can be."""

    view: str
    stream: Identifier
    version: int
    row: str | None = None


class DeadLetterDropped(Event, type="deadletter.dropped", severity=Severity.WARNING):
    """A row of a view leaves an event out from here on. This is final."""

    view: str
    stream: Identifier
    version: int
    row: str | None = None
    reason: str | None = None
