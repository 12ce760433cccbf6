"""Creates ids, and reads the clock."""

from __future__ import annotations

from datetime import UTC, datetime

from ulid import ULID

from domain.kernel.fields import to_moment


def new_id(category: str) -> str:
    """Return an id such as ``task-01J…``: the category and a ULID, which sorts by its time of creation."""
    return f"{category}-{ULID()}"


def now() -> datetime:
    """Return the time of the system in UTC, in milliseconds."""
    return to_moment(datetime.now(UTC))
