"""Parses points in the log: positions and moments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from api.runtime import Runtime
from domain.kernel.errors import ValidationFailed
from domain.kernel.fields import to_moment
from eventstore.reading.as_of import AsOf

Point = int | datetime

MAX_INTEGER = 2**53 - 1
"""The largest position and version: the largest integer that every JSON parser reads exactly."""

OccurredSince = Annotated[
    str | None,
    typer.Option(help="Only events that occurred at this moment or later, whenever they were recorded."),
]
OccurredUntil = Annotated[
    str | None,
    typer.Option(help="Only events that occurred before this moment, whenever they were recorded."),
]
At = Annotated[
    str | None,
    typer.Option(help="As of this position or time of recording, such as 2026-01-31T12:00:00Z."),
]


def parse_point(text: str) -> Point:
    """Return a position or a moment; a moment without an offset is UTC. Raises ValidationFailed."""
    try:
        if text.isdecimal():
            return parse_position(text)
        time = datetime.fromisoformat(text)
        return to_moment(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValidationFailed(f"{text!r} is neither a position nor a moment such as 2026-01-31") from None


def parse_position(text: str) -> int:
    """Return the position that these digits are. Raises ValidationFailed for one beyond `MAX_INTEGER`."""
    # Python converts no number of more than 4,300 digits.
    position = int(text) if len(text) <= len(str(MAX_INTEGER)) else MAX_INTEGER + 1
    if position > MAX_INTEGER:
        raise ValidationFailed(f"the position {text[:30]} is beyond {MAX_INTEGER}, the last possible one")
    return position


def parse_as_of(text: str) -> AsOf:
    """Return a point in the past; a moment must have a time zone. Raises ValidationFailed."""
    if text.isdecimal():
        return AsOf(position=parse_position(text))
    time = parse_point(text)
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValidationFailed(f"{text!r} has no time zone; write it as 2026-01-31T12:00:00Z")
    assert isinstance(time, datetime)
    return AsOf(time=time)


def parse_moment(text: str | None) -> datetime | None:
    """Return a moment as `parse_point` does, but no position. Raises ValidationFailed."""
    time = None if text is None else parse_point(text)
    if isinstance(time, int):
        raise ValidationFailed(f"{text!r} is a position, but this option needs a moment such as 2026-01-31")
    return time


async def last_position_before(runtime: Runtime, limit: Point) -> int:
    """Return the last position before a point, up to the high-water mark; 0 if there is none."""
    if isinstance(limit, int):
        return max(0, min(limit - 1, await runtime.log.high_water_mark()))
    return await runtime.log.recorded_before(limit)
