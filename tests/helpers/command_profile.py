"""The commands that mongod received, by its own profiler, and where in them a text occurs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from pymongo.database import Database

PROFILE_BYTES = 64_000_000
"""Size of the profile: with its default of 1 MB it forgets what a test began with."""

PROTOCOL_FIELDS = frozenset({"lsid", "txnNumber", "$db", "$clusterTime", "$readPreference", "maxTimeMS"})
"""Fields of a command that the driver adds."""

Path = tuple[str, ...]


class Occurrence(NamedTuple):
    """A text in a command, below these keys; `is_key` if the text is itself a key."""

    command: str
    path: Path
    text: str
    is_key: bool = False


class CommandProfile:
    """The commands of one database."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the commands that arrive inside the block, after those of earlier blocks."""
        if "system.profile" not in self._database.list_collection_names():
            self._database.create_collection("system.profile", capped=True, size=PROFILE_BYTES)
        self._database.command({"profile": 2, "slowms": -1})
        try:
            yield
        finally:
            self._database.command({"profile": 0})

    def count(self, command: str) -> int:
        """Return how many commands were recorded of an operation on a collection, such as ``query log``."""
        operation, _, collection = command.partition(" ")
        namespace = f"{self._database.name}.{collection}"
        return self._database["system.profile"].count_documents({"op": operation, "ns": namespace})

    def occurrences(self) -> Iterator[Occurrence]:
        """Yield all keys and texts of the recorded commands."""
        for entry in self._database["system.profile"].find({}):
            command = entry.get("command", {})
            assert "$truncated" not in command, "a command is too long for the profile; send shorter texts"
            collection = entry["ns"].removeprefix(f"{self._database.name}.")
            if collection != "system.profile":
                parts = {key: value for key, value in command.items() if key not in PROTOCOL_FIELDS}
                yield from _texts(f"{entry['op']} {collection}", parts, ())

    def stored_texts(self) -> Iterator[Occurrence]:
        """Yield all keys and texts of the stored documents: the profile does not have those of inserts."""
        for name in self._database.list_collection_names(filter={"name": {"$not": {"$regex": "^system\\."}}}):
            for document in self._database[name].find({}):
                yield from _texts(f"stored {name}", document, ())


def _texts(command: str, value: Any, path: Path) -> Iterator[Occurrence]:
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield Occurrence(command, path, key, is_key=True)
            yield from _texts(command, member, (*path, key))
    elif isinstance(value, list):
        for element in value:
            yield from _texts(command, element, path)
    elif isinstance(value, str):
        yield Occurrence(command, path, value)
