"""The versions of streams during a walk through a log of any length, in bounded memory."""

from __future__ import annotations

import sqlite3

IN_MEMORY = 200_000
"""Streams in memory; the others are in a temporary file."""


class StreamVersions:
    """Keeps the version that each stream has come to."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._recent: dict[str, int] = {}
        self._spilled: sqlite3.Connection | None = None

    def follow(self, tenant: str, stream: str, first: int, last: int) -> int | None:
        """Move the stream from version `first` to `last`; return its version before, None where it is new."""
        key = f"{tenant}/{stream}"
        version = self._recent.get(key)
        if version is None and self._spilled is not None:
            row = self._spilled.execute("SELECT version FROM streams WHERE name = ?", (key,)).fetchone()
            version = None if row is None else int(row[0])
        self._recent[key] = last if version is None else max(version, last)
        if len(self._recent) > self._in_memory:
            self._spill()
        return version

    def count(self) -> int:
        """Return the number of streams."""
        if self._spilled is None:
            return len(self._recent)
        self._spill()
        return int(self._spilled.execute("SELECT count(*) FROM streams").fetchone()[0])

    def close(self) -> None:
        """Remove the temporary file."""
        if self._spilled is not None:
            self._spilled.close()

    def _spill(self) -> None:
        if self._spilled is None:
            # A database without a name is a temporary file that only this connection has.
            self._spilled = sqlite3.connect("", isolation_level=None)
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -32000"):
                self._spilled.execute(f"PRAGMA {pragma}")
            self._spilled.execute("CREATE TABLE streams (name TEXT PRIMARY KEY, version INT) WITHOUT ROWID")
        # In order, so that neighbours are written together.
        rows = sorted(self._recent.items())
        self._spilled.execute("BEGIN")
        self._spilled.executemany("INSERT OR REPLACE INTO streams VALUES (?, ?)", rows)
        self._spilled.execute("COMMIT")
        self._recent.clear()
