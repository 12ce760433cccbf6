"""Ids of effects: ids of commands and idempotency keys, bounded and the same each time. Pure."""

from __future__ import annotations

import hashlib

MAX_ID = 128
"""Most characters of the id of a command."""

_DIGEST = 32


def effect_id(instance: str, version: int) -> str:
    """Return the id of the effect that the event at this version of an instance asks for."""
    return bounded_id(f"{instance}:{version}")


def bounded_id(text: str) -> str:
    """Return the text, or where it is too long its beginning and a digest of all of it."""
    if len(text) <= MAX_ID:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
    beginning = text[: MAX_ID - _DIGEST - 1]
    return f"{beginning}~{digest}"
