"""Where ids and the time come from."""

from __future__ import annotations

from datetime import UTC, datetime

from ulid import ULID

from domain.kernel.fields import to_moment


def new_id(category: str) -> str:
    """``task-01J…``: the category and a ULID, which sorts by the millisecond it was made in."""
    return f"{category}-{ULID()}"


def now() -> datetime:
    """The system's time, UTC with millisecond precision."""
    return to_moment(datetime.now(UTC))
