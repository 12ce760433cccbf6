"""Points of the log as a person gives them: positions and moments."""

from __future__ import annotations

from datetime import UTC, datetime

from api.composition import Nerve
from domain.kernel.errors import ValidationFailed
from domain.kernel.fields import to_moment
from eventstore.reading.as_of import AsOf

Point = int | datetime


def point(text: str) -> Point:
    """A position, or a moment; one without an offset is UTC. Raises ValidationFailed."""
    try:
        if text.isdecimal():
            return int(text)
        moment = datetime.fromisoformat(text)
        return to_moment(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValidationFailed(f"{text!r} is no position and no moment such as 2026-01-31") from None


def as_of(text: str) -> AsOf:
    """A point in the past, for which a moment must say its time zone. Raises ValidationFailed."""
    if text.isdecimal():
        return AsOf(position=int(text))
    found = point(text)
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValidationFailed(f"{text!r} has no time zone; write it as 2026-01-31T12:00:00Z")
    assert isinstance(found, datetime)
    return AsOf(time=found)


async def last_before(nerve: Nerve, limit: Point) -> int:
    """The last settled position before a point; 0 where there is none."""
    if isinstance(limit, int):
        return max(0, min(limit - 1, await nerve.log.settled()))
    return await nerve.log.recorded_before(limit)
