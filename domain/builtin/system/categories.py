"""The categories of alerts and system events."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

CategoryName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,59}$")]
"""What an alert or a system event is about, as one word in lower case: ``security``, ``resource``."""
