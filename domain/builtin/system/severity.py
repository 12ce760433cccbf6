"""The severity and the category of alerts and system events."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field


class Severity(StrEnum):
    """The severity of an alert or a system event, from INFO to CRITICAL."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"

    def is_above(self, other: Severity) -> bool:
        """Return whether this severity is the higher one."""
        order = list(Severity)
        return order.index(self) > order.index(other)


CategoryName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,59}$")]
"""What an alert or a system event is about, as one word in lower case: ``security``, ``resource``."""
