"""The rights of nerve's users in MongoDB: the application can add to the log, and change nothing in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from eventstore.mongo.driver import Database

APPLICATION = "nerveApplication"
"""The role of the API, the workers and the command line."""

MAINTENANCE = "nerveMaintenance"
"""The role of `nerve archive` and `nerve adopt`."""

READ = ("find", "listIndexes")
APPEND = (*READ, "insert")
WRITE = (*APPEND, "update", "remove", "createIndex")


class CollectionRights(NamedTuple):
    """What each role may do with a collection, in MongoDB's words for it."""

    application: tuple[str, ...]
    maintenance: tuple[str, ...]


OWN: Mapping[str, CollectionRights] = {
    # Not even an index: one of its own could make commits expire.
    "log": CollectionRights(APPEND, (*APPEND, "update", "createIndex", "dropIndex")),
    "blocks": CollectionRights(APPEND, (*APPEND, "remove")),
    "segments": CollectionRights(READ, APPEND),
    "counters": CollectionRights(WRITE, WRITE),
    "keys": CollectionRights(WRITE, WRITE),
    "meta": CollectionRights(WRITE, WRITE),
    "snapshots": CollectionRights(WRITE, WRITE),
}
"""The log's own collections."""


def collection_rights(others: Iterable[str]) -> dict[str, CollectionRights]:
    """What may be done with each of nerve's collections; `others` are those that are not the log's."""
    own = (*WRITE, "dropIndex")
    return {**OWN, **{name: CollectionRights(own, own) for name in others}}


class UserPrivileges:
    """What the user of a connection may do. Where the server asks nobody who they are, that is all."""

    def __init__(self, database: str, user: str | None, privileges: Iterable[Mapping[str, Any]]) -> None:
        self.user = user
        self._database = database
        self._privileges = list(privileges)

    @classmethod
    async def of(cls, database: Database) -> UserPrivileges:
        """Ask the server. Raises what the driver raises."""
        status = await database.command({"connectionStatus": 1, "showPrivileges": True})
        auth = status["authInfo"]
        users = [user["user"] for user in auth["authenticatedUsers"]]
        return cls(database.name, users[0] if users else None, auth["authenticatedUserPrivileges"])

    def may(self, action: str, collection: str) -> bool:
        """Whether the user may do this with a collection of the database."""
        return self.user is None or any(
            action in privilege["actions"] and self._covers(privilege["resource"], collection)
            for privilege in self._privileges
        )

    def _covers(self, resource: Mapping[str, Any], collection: str) -> bool:
        if resource.get("anyResource"):
            return True
        named = resource.get("db"), resource.get("collection")
        return named[0] in ("", self._database) and named[1] in ("", collection)
