"""JSON Pointers (RFC 6901). Pure."""

from __future__ import annotations

import re

from pydantic import JsonValue

Path = tuple[str, ...]

_ESCAPE = re.compile(r"~[01]")
_BAD_ESCAPE = re.compile(r"~(?![01])")
_UNESCAPED = {"~0": "~", "~1": "/"}


def read_pointer(value: JsonValue) -> Path | None:
    """Return the parts of a JSON Pointer, None if the value is no JSON Pointer."""
    if not isinstance(value, str) or (value and not value.startswith("/")) or _BAD_ESCAPE.search(value):
        return None
    return tuple(_ESCAPE.sub(lambda escape: _UNESCAPED[escape[0]], part) for part in value.split("/")[1:])


def pointer(path: Path) -> str:
    """Return the JSON Pointer of these parts."""
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path)
