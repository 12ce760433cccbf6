"""Maps and sets on disk, so that the memory of an import does not grow with its file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Generic, TypeVar

import orjson

from domain.kernel.errors import Unavailable

V = TypeVar("V")

CACHE_KILOBYTES = 32_000
"""Memory that SQLite uses before it writes to a file."""

Key = str | int | tuple[str | int | None, ...]


class ScratchDatabase:
    """A temporary SQLite database. It is a file only if it is large, and SQLite deletes that file."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._numbers = count(1)
        for statement in (
            f"PRAGMA cache_size = -{CACHE_KILOBYTES}",
            # Nothing is rolled back, and nothing has to outlive the process.
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "BEGIN",
        ):
            self.execute(statement)

    def execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Execute a statement. Raises Unavailable where the disk is full, or fails."""
        with _unavailable_if_disk_fails():
            return self._connection.execute(statement, values)

    def select(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query. Raises Unavailable where the disk is full, or fails."""
        # SQLite sorts, and reads from the disk, while rows are fetched.
        with _unavailable_if_disk_fails():
            yield from self._connection.execute(query)

    def create_map(self) -> DiskMap[Any]:
        """Return a new map of JSON values."""
        return DiskMap(self, f"map_{next(self._numbers)}")

    def create_set(self) -> DiskSet:
        """Return a new set."""
        return DiskSet(self, f"set_{next(self._numbers)}")

    def close(self) -> None:
        """Delete the database."""
        self._connection.close()


@contextmanager
def _unavailable_if_disk_fails() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise Unavailable(
            f"a temporary file of the import cannot be written: {error}; free space, or name another"
            " folder in TMPDIR"
        ) from error


class DiskMap(Generic[V]):
    """A map of values that JSON has."""

    def __init__(self, database: ScratchDatabase, table: str) -> None:
        self._execute = database.execute
        self._select = f"SELECT value FROM {table} WHERE key = ?"
        self._replace = f"REPLACE INTO {table} VALUES (?, ?)"
        self._execute(f"CREATE TABLE {table} (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def get(self, key: Key) -> V | None:
        """Return the value of the key; None if it has none."""
        row = self._execute(self._select, (orjson.dumps(key),)).fetchone()
        if row is None:
            return None
        value: V = orjson.loads(row[0])
        return value

    def __setitem__(self, key: Key, value: V) -> None:
        self._execute(self._replace, (orjson.dumps(key), orjson.dumps(value)))


class DiskSet:
    """A set."""

    def __init__(self, database: ScratchDatabase, table: str) -> None:
        self._database = database
        self._execute = database.execute
        self._table = table
        self._insert = f"INSERT OR IGNORE INTO {table} VALUES (?)"
        self._select = f"SELECT 1 FROM {table} WHERE key = ?"
        self._size = 0
        self._execute(f"CREATE TABLE {table} (key BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, key: Key) -> bool:
        """Add the key; return whether it is new."""
        is_new = self._execute(self._insert, (orjson.dumps(key),)).rowcount == 1
        self._size += is_new
        return is_new

    def __contains__(self, key: object) -> bool:
        return self._size > 0 and self._execute(self._select, (orjson.dumps(key),)).fetchone() is not None

    def __iter__(self) -> Iterator[Any]:
        for (key,) in self._database.select(f"SELECT key FROM {self._table}"):
            yield orjson.loads(key)

    def __len__(self) -> int:
        return self._size
