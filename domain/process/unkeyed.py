"""Events whose key cannot be determined: an instance of its own keeps each of them, and is stuck. Pure.

So the process goes on for all others, and what failed is seen, retried, resumed and cancelled like everything
else that is stuck. A retry determines the key again.
"""

from __future__ import annotations

import hashlib
from typing import Any

from domain.kernel.errors import ContextFault
from domain.kernel.event import RecordedEvent
from domain.process.advance import Advance, advance
from domain.process.events import ProcessCompleted, ProcessStarted, ProcessStuck
from domain.process.keys import MAX_INSTANCE, UNKEYED


def unkeyed_instance(category: str, event: RecordedEvent) -> str:
    """Return the id of the instance that keeps an event; the same each time."""
    instance = f"{category}-{UNKEYED}{event.stream}:{event.version}"
    if len(instance) <= MAX_INSTANCE:
        return instance
    digest = hashlib.sha256(event.stream.encode()).hexdigest()[:32]
    return f"{category}-{UNKEYED}{digest}:{event.version}"


def is_unkeyed(instance: str) -> bool:
    """Return whether the instance keeps an event without a key."""
    return instance.partition("-")[2].startswith(UNKEYED)


def react_to_key_fault(instance: Any, stream: str, event: RecordedEvent, fault: ContextFault) -> Advance:
    """Return the advance by which the instance is stuck; no events if it is, or has ended."""
    kept = instance.kept
    if kept.status.is_final or kept.stuck_at is not None:
        return Advance((), instance)
    stuck = ProcessStuck(
        reason=str(fault),
        code=fault.code,
        from_stream=event.stream,
        from_version=event.version,
        from_position=event.position,
        place=event.place,
    )
    return advance(instance, *(() if kept.version else (ProcessStarted(instance=stream),)), stuck)


def react_to_key(instance: Any) -> Advance:
    """Return the advance that ends the instance, because its event was delivered or is left out."""
    kept = instance.kept
    if not kept.version or kept.status.is_final or kept.stuck_at is not None:
        return Advance((), instance)
    return advance(instance, ProcessCompleted())
