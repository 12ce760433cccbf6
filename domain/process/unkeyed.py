"""The instances that keep events whose key cannot be determined; see `set_aside`. Pure."""

from __future__ import annotations

from domain.kernel.event import RecordedEvent
from domain.process.keys import UNKEYED
from domain.process.set_aside import set_aside_instance


def unkeyed_instance(category: str, event: RecordedEvent) -> str:
    """Return the id of the instance that keeps an event; the same each time."""
    return set_aside_instance(f"{category}-{UNKEYED}", event)


def is_unkeyed(instance: str) -> bool:
    """Return whether the instance keeps an event without a key."""
    return instance.partition("-")[2].startswith(UNKEYED)
