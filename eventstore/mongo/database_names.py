"""The names that a MongoDB database can have."""

from __future__ import annotations

MAX_BYTES = 63
FORBIDDEN = frozenset('/\\. "$*<>:|?\0')
OWN = frozenset({"admin", "config", "local"})
"""Databases of MongoDB itself."""


def check_database_name(name: str) -> str:
    """Return the name; raise ValueError if no database of nerve can have it."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= MAX_BYTES or FORBIDDEN & set(name):
        raise ValueError(
            f"a MongoDB database has a name of 1 to {MAX_BYTES} bytes, without a space and"
            ' any of / \\ . " $ * < > : | ?'
        )
    if name in OWN:
        raise ValueError(f"{name} is a database of MongoDB itself; choose another name")
    return name
