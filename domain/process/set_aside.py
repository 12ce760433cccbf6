"""Events that cannot be handled: an instance of its own keeps each of them, and is stuck. Pure.

So all others go on, and what failed is seen, retried, resumed and cancelled like everything else that is
stuck. A retry handles the event again.
"""

from __future__ import annotations

import hashlib
from typing import Any

from domain.kernel.errors import ContextFault
from domain.kernel.event import RecordedEvent
from domain.process.advance import Advance, advance
from domain.process.events import ProcessCompleted, ProcessStarted, ProcessStuck
from domain.process.keys import MAX_INSTANCE


def set_aside_instance(prefix: str, event: RecordedEvent) -> str:
    """Return the id of the instance that keeps an event: the prefix and the event; the same each time."""
    instance = f"{prefix}{event.stream}:{event.version}"
    if len(instance) <= MAX_INSTANCE:
        return instance
    digest = hashlib.sha256(event.stream.encode()).hexdigest()[:32]
    return f"{prefix}{digest}:{event.version}"


def set_aside(instance: Any, stream: str, event: RecordedEvent, fault: ContextFault) -> Advance:
    """Return the advance by which the instance is stuck; no events if it is, or has ended."""
    kept = instance.kept
    if kept.status.is_final or kept.stuck_at is not None:
        return Advance((), instance)
    start = () if kept.version else (ProcessStarted(instance=stream),)
    return advance(instance, *start, stuck_at(event, fault))


def end_set_aside(instance: Any) -> Advance:
    """Return the advance that ends the instance, because its event was handled or is left out."""
    kept = instance.kept
    if not kept.version or kept.status.is_final or kept.stuck_at is not None:
        return Advance((), instance)
    return advance(instance, ProcessCompleted())


def stuck_at(event: RecordedEvent, fault: ContextFault) -> ProcessStuck:
    """Return the event of an instance that cannot go on because of an event of another stream."""
    return ProcessStuck(
        reason=str(fault),
        code=fault.code,
        from_stream=event.stream,
        from_version=event.version,
        from_position=event.position,
        place=event.place,
    )
