"""Ids of what a file names: the same each time the file is read."""

from __future__ import annotations

import re
from hashlib import blake2b

LONGEST = 120
"""Characters of an id behind its prefix at most."""


def stream_id(category: str, name: str) -> str:
    """The stream that a name of the file stands for: ``Resource01`` is ``agent-Resource01``.

    A name that has the prefix already keeps it once. A character that no id has is written as a colon and
    two hex digits for each of its UTF-8 bytes, and so is a colon; what is too long ends in a digest of all.
    """
    bare = name.removeprefix(f"{category}-") or name
    escaped = re.sub(r"[^A-Za-z0-9._-]", _escape, bare)
    if len(escaped) > LONGEST:
        digest = blake2b(name.encode(), digest_size=16).hexdigest()
        escaped = f"{escaped[: LONGEST - len(digest) - 1]}.{digest}"
    return f"{category}-{escaped}"


def _escape(match: re.Match[str]) -> str:
    return "".join(f":{byte:02X}" for byte in match.group().encode())


def command_id(*parts: str) -> str:
    """The id of the command that the parts tell apart from every other command of an import."""
    return f"import-{blake2b(chr(0).join(parts).encode(), digest_size=16).hexdigest()}"
