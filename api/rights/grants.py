"""The rights of each role in MongoDB: the application may append to the log and change nothing in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from eventstore.mongo.driver import Database

APPLICATION = "nerveApplication"
"""The role of the API, the workers and the command line."""

MAINTENANCE = "nerveMaintenance"
"""The role of `nerve archive`, `nerve adopt` and `nerve tenants erase`."""

READ = ("find", "listIndexes")
APPEND = (*READ, "insert")
WRITE = (*APPEND, "update", "remove", "createIndex")


class CollectionRights(NamedTuple):
    """The actions that each role may perform on a collection, as MongoDB names them."""

    application: tuple[str, ...]
    maintenance: tuple[str, ...]


LOG_RIGHTS: Mapping[str, CollectionRights] = {
    # No createIndex: a TTL index could delete commits.
    "log": CollectionRights(APPEND, (*APPEND, "update", "createIndex", "dropIndex")),
    "blocks": CollectionRights(APPEND, (*APPEND, "update", "remove")),
    "segments": CollectionRights(READ, APPEND),
    "counters": CollectionRights(WRITE, WRITE),
    "keys": CollectionRights(WRITE, WRITE),
    "meta": CollectionRights(WRITE, WRITE),
    "snapshots": CollectionRights(WRITE, WRITE),
    "claims": CollectionRights(WRITE, WRITE),
}
"""The rights on the collections of the log itself."""


def collection_rights(other_collections: Iterable[str]) -> dict[str, CollectionRights]:
    """Return the rights on the collections of the log and on the others, by their names."""
    actions = (*WRITE, "dropIndex")
    return {**LOG_RIGHTS, **{name: CollectionRights(actions, actions) for name in other_collections}}


class UserPrivileges:
    """The privileges of a connection's user. Without authentication on the server, everything is allowed."""

    def __init__(self, database: str, user: str | None, privileges: Iterable[Mapping[str, Any]]) -> None:
        self.user = user
        self._database = database
        self._privileges = list(privileges)

    @classmethod
    async def of(cls, database: Database) -> UserPrivileges:
        """Read the privileges from the server. Raises the errors of the driver."""
        status = await database.command({"connectionStatus": 1, "showPrivileges": True})
        auth = status["authInfo"]
        users = [user["user"] for user in auth["authenticatedUsers"]]
        return cls(database.name, users[0] if users else None, auth["authenticatedUserPrivileges"])

    def may(self, action: str, collection: str) -> bool:
        """Return whether the user may perform the action on a collection of the database."""
        return self.user is None or any(
            action in privilege["actions"] and self._covers(privilege["resource"], collection)
            for privilege in self._privileges
        )

    def _covers(self, resource: Mapping[str, Any], collection: str) -> bool:
        if resource.get("anyResource"):
            return True
        # An empty name stands for all databases or all collections.
        in_database = resource.get("db") in ("", self._database)
        return in_database and resource.get("collection") in ("", collection)
