"""The severity of events. Pure."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """The severity of an event or an alert, from INFO to CRITICAL."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"

    def is_above(self, other: Severity) -> bool:
        """Return whether this severity is the higher one."""
        order = list(Severity)
        return order.index(self) > order.index(other)
