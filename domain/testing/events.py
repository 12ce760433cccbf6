"""Events as tests need them: as they come back from the log. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import bson
from bson.codec_options import CodecOptions

from domain.kernel.event import CommitInfo, Event, RecordedEvent

E = TypeVar("E", bound=Event)

_UTC: CodecOptions[Any] = CodecOptions(tz_aware=True, tzinfo=UTC)

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
"""The time of a decision or a reaction, unless a test names another."""


def stored(event: E) -> E:
    """Return the event as it comes back from the log: in its stored form, and not validated again."""
    return type(event).from_data(bson.decode(bson.encode(event.to_data()), _UTC))


def recorded(
    event: Event, stream: str | None, position: int, at: datetime, command_id: str | None = None
) -> RecordedEvent:
    """Return the event as the log delivers it; without a stream that of the type's first part, and ``-1``."""
    payload = stored(event)
    stream = stream or f"{event.type.partition('.')[0]}-1"
    command_id = command_id or f"cmd-{position}"
    info = CommitInfo(
        position=position,
        tenant="default",
        stream=stream,
        category=stream.partition("-")[0],
        command_id=command_id,
        command="Test",
        correlation=command_id,
        causation=None,
        actor=None,
        source=None,
        at=at,
        occurred=None,
    )
    return RecordedEvent(
        info, 0, f"evt-{position}", event.type, event.revision, position, event.to_data(), payload
    )


def listed(values: Iterable[Any]) -> str:
    """Return the values as a failed test shows them."""
    return "[" + ", ".join(map(repr, values)) + "]"
