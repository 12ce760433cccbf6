"""Derives ids of streams and commands from names in a process log, the same for each run."""

from __future__ import annotations

import re
from hashlib import blake2b

MAX_LENGTH = 120
"""Maximum number of characters of an id after its prefix."""


def stream_id(category: str, name: str) -> str:
    """Return the stream for a name of the file: ``agent-Resource01`` for ``Resource01``.

    A prefix in the name is not repeated. A character that ids do not allow, and the colon, are written as a
    colon and two hex digits for each UTF-8 byte. A name that is too long is cut and ends in its digest.
    """
    bare = name.removeprefix(f"{category}-") or name
    escaped = re.sub(r"[^A-Za-z0-9._-]", _escape, bare)
    if len(escaped) > MAX_LENGTH:
        digest = blake2b(name.encode(), digest_size=16).hexdigest()
        escaped = f"{escaped[: MAX_LENGTH - len(digest) - 1]}.{digest}"
    return f"{category}-{escaped}"


def _escape(match: re.Match[str]) -> str:
    return "".join(f":{byte:02X}" for byte in match.group().encode())


def command_id(*parts: str) -> str:
    """Return a command id that is unique for these parts."""
    return f"import-{blake2b(chr(0).join(parts).encode(), digest_size=16).hexdigest()}"
