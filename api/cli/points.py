"""Points of the log as a person gives them: positions and moments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from api.runtime import Runtime
from domain.kernel.errors import ValidationFailed
from domain.kernel.fields import to_moment
from eventstore.reading.as_of import AsOf

Point = int | datetime

OccurredSince = Annotated[
    str | None, typer.Option(help="Only what happened at this moment or later, whenever it was recorded.")
]
OccurredUntil = Annotated[
    str | None, typer.Option(help="Only what happened before this moment, whenever it was recorded.")
]


def parse_point(text: str) -> Point:
    """A position, or a moment; one without an offset is UTC. Raises ValidationFailed."""
    try:
        if text.isdecimal():
            return int(text)
        found = datetime.fromisoformat(text)
        return to_moment(found if found.tzinfo else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValidationFailed(f"{text!r} is no position and no moment such as 2026-01-31") from None


def parse_as_of(text: str) -> AsOf:
    """A point in the past, for which a moment must say its time zone. Raises ValidationFailed."""
    if text.isdecimal():
        return AsOf(position=int(text))
    found = parse_point(text)
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValidationFailed(f"{text!r} has no time zone; write it as 2026-01-31T12:00:00Z")
    assert isinstance(found, datetime)
    return AsOf(time=found)


def parse_moment(text: str | None) -> datetime | None:
    """A moment as in `parse_point`, which is no position. Raises ValidationFailed."""
    found = None if text is None else parse_point(text)
    if isinstance(found, int):
        raise ValidationFailed(f"{text!r} is a position; this option takes a moment such as 2026-01-31")
    return found


async def last_position_before(runtime: Runtime, limit: Point) -> int:
    """The last settled position before a point, by the times of record; 0 where there is none."""
    if isinstance(limit, int):
        return max(0, min(limit - 1, await runtime.log.high_water_mark()))
    return await runtime.log.recorded_before(limit)
