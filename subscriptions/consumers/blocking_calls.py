"""Calls of user code that block a worker's process, as they are kept with the worker's partitions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

EXPIRES_AFTER = 10.0
"""Seconds after which a record that was not renewed is ignored: its process has ended."""


class BlockingCall(NamedTuple):
    """A call that has run for `seconds`, during which its process did nothing else.

    `called` names the code that was called, `subject` what it was called for, and `place` is the line of the
    user's code that was running last.
    """

    called: str
    subject: str
    place: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.called} has run for {self.seconds:.1f} s for {self.subject} ({self.place})"

    @classmethod
    def from_document(cls, stored: Mapping[str, Any], now: datetime) -> BlockingCall | None:
        """Read what `blocking_call_update` keeps with a partition; None if the record has expired."""
        age = (now - stored["at"]).total_seconds()
        if age > EXPIRES_AFTER:
            return None
        return cls(stored["called"], stored["subject"], stored["place"], stored["seconds"] + max(0.0, age))


def blocking_call_update(path: str, call: BlockingCall) -> list[Mapping[str, Any]]:
    """Return the update that keeps the call with the partition at `path`."""
    values = {name: {"$literal": value} for name, value in call._asdict().items()}
    return [{"$set": {f"{path}.blocked": {**values, "at": "$$NOW"}}}]
