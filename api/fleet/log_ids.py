"""Derives ids of streams and commands from names in a process log, the same for each run."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from hashlib import blake2b

MAX_LENGTH = 120
"""Maximum number of characters of an id after its prefix."""

SEPARATOR = "::"
"""Between the source and the name in the id of a stream; no escaped name contains it."""


def stream_id(category: str, name: str, source: str = "", *, is_bare: bool = False) -> str:
    """Return the stream for a name of the file: ``agent-Resource01`` for ``Resource01``.

    A prefix in the name is not repeated, unless the name `is_bare`. A `source` is put before the name. A
    character that ids do not allow, and the colon, are written as a colon and two hex digits for each UTF-8
    byte. A name that is too long is cut and ends in its digest.
    """
    bare = name if is_bare else name.removeprefix(f"{category}-") or name
    qualified = f"{_escaped(source)}{SEPARATOR}{_escaped(bare)}" if source else _escaped(bare)
    if len(qualified) > MAX_LENGTH:
        digest = blake2b("\0".join([source, name] if source else [name]).encode(), digest_size=16).hexdigest()
        qualified = f"{qualified[: MAX_LENGTH - len(digest) - 1]}.{digest}"
    return f"{category}-{qualified}"


def _escaped(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", _escape, name)


def _escape(match: re.Match[str]) -> str:
    return "".join(f":{byte:02X}" for byte in match.group().encode())


def derive_command_id(*parts: str) -> str:
    """Return a command id that is unique for these parts."""
    return f"import-{content_digest(*parts, size=16)}"


def content_digest(*parts: str, size: int = 8) -> str:
    """Return a digest of `size` bytes that these parts have, and no others."""
    return blake2b("\0".join(parts).encode(), digest_size=size).hexdigest()


@dataclass(frozen=True, slots=True)
class CaseIds:
    """The ids of the workflows and tasks of one source.

    The ids of the cases in `separate` begin with the source, because another source has cases of the same
    names; None stands for all cases.
    """

    source: str = ""
    separate: Container[str] | None = frozenset()

    def workflow(self, case: str) -> str:
        """Return the workflow of a case. Those of the cases ``7`` and ``workflow-7`` are two."""
        return stream_id("workflow", case, self._source(case), is_bare=True)

    def task(self, case: str, name: str) -> str:
        """Return the task with this name, which is unique in the source."""
        return stream_id("task", name, self._source(case))

    def _source(self, case: str) -> str:
        return self.source if self.separate is None or case in self.separate else ""
