"""Keys of instances: which instance of a process an event concerns. Pure."""

from __future__ import annotations

import re
from typing import Any

from domain.kernel.context_calls import exception_fault
from domain.kernel.errors import ContextFault
from domain.kernel.event import RecordedEvent
from domain.kernel.fields import ID_PATTERN
from domain.kernel.unreadable import describe_unreadable
from domain.kernel.user_exceptions import CALL_FAULTS
from domain.process.process import Process

MAX_INSTANCE = 128
"""Most characters of the id of an instance."""

UNKEYED = "unkeyed:"
"""What a key must not begin with: the keys of instances that keep an event without a key do."""

_ID = re.compile(ID_PATTERN)


def instance_of(process: type[Process[Any, Any]], event: RecordedEvent) -> str | None:
    """Return the id of the instance that an event concerns; None if it concerns none.

    Raises ContextFault if the event cannot be read, or if the process's `key` fails or returns what cannot be
    the key of an instance.
    """
    if event.payload is None:
        raise ContextFault(describe_unreadable(event))
    called = f"{process.__name__}.key"
    try:
        key: Any = process.key(event)
    except CALL_FAULTS as error:
        if isinstance(error, MemoryError):
            raise
        raise exception_fault(called, error, f" for the event {event.type!r}") from error
    if key is None:
        return None
    return instance_id(process.category, key, f"{called} returned for the event {event.type!r}")


def instance_id(category: str, key: Any, origin: str) -> str:
    """Return the id of an instance; `origin` says for the error where the key comes from.

    Raises ContextFault if the key cannot be that of an instance.
    """
    if not isinstance(key, str):
        raise ContextFault(f"{origin} a key of class {type(key).__name__}; a key is a text, or None")
    if key.startswith(UNKEYED):
        raise ContextFault(f"{origin} a key that begins with {UNKEYED!r}, which nerve uses itself")
    instance = f"{category}-{key}"
    if len(instance) > MAX_INSTANCE or not _ID.fullmatch(instance):
        max_length = min(120, MAX_INSTANCE - len(category) - 1)
        raise ContextFault(
            f"{origin} a key of {len(key)} characters that cannot be part of an id: a key of {category!r} "
            f"has 1 to {max_length} letters, digits or . _ : -"
        )
    return instance
