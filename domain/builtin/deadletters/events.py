"""What happens to dead letters."""

from __future__ import annotations

from domain.kernel import Event, Identifier


class DeadLetterRetried(Event, type="deadletter.retried"):
    """An event that waits in a row of a view is folded again from here on, if it can be."""

    view: str
    stream: Identifier
    version: int
    row: str | None = None


class DeadLetterDropped(Event, type="deadletter.dropped"):
    """A row of a view is told without an event from here on, for good."""

    view: str
    stream: Identifier
    version: int
    row: str | None = None
    reason: str | None = None
