"""The scalars of the API beside GraphQL's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from domain.kernel.fields import to_moment

JSON = NewType("JSON", object)
Position = NewType("Position", str)


def write_moment(value: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-01-31T12:00:00.000Z``."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def read_moment(value: Any) -> datetime:
    """The moment that an RFC 3339 text with an offset says."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("a DateTime is a text as in RFC 3339 with an offset, like 2026-01-31T12:00:00Z")
    return to_moment(moment)


def _read_position(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a Position is a text that nerve gave out")
    return value


def _same(value: Any) -> Any:
    return value


def _scalar(name: str, **parts: Any) -> ScalarDefinition:
    made: ScalarDefinition = strawberry.scalar(name=name, **parts)
    return made


SCALARS: dict[object, ScalarDefinition] = {
    datetime: _scalar(
        "DateTime",
        serialize=write_moment,
        parse_value=read_moment,
        description="A moment as in RFC 3339; given out in UTC with milliseconds.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
    ),
    JSON: _scalar(
        "JSON",
        serialize=_same,
        parse_value=_same,
        description="Any JSON value.",
    ),
    Position: _scalar(
        "Position",
        serialize=_same,
        parse_value=_read_position,
        description="A place in the log, sealed: only nerve can tell which of two is the later one.",
    ),
}
