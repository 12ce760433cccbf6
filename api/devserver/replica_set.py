"""Configures a replica set of mongod processes: ``python -m api.devserver.replica_set HOST:PORT…``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

NAME = "nerve"
START_DEADLINE = 60.0
NOT_YET_INITIALIZED = 94
"""MongoDB's error code of a member without a configuration of its replica set."""


def open_as_member(host: str, key: str, **options: Any) -> MongoClient[dict[str, Any]]:
    """Return a client of one mongod, authenticated with the key of its replica set as the members are.

    So a set can be configured before there is a user, with no moment in which any program could make one.
    """
    return MongoClient(
        host,
        directConnection=True,
        username="__system",
        password=key,
        authSource="local",
        authMechanism="SCRAM-SHA-256",
        **options,
    )


def set_user(client: MongoClient[dict[str, Any]], name: str, password: str) -> None:
    """Create an administrator, or set the password of the existing one."""
    exists = client.admin.command("usersInfo", name)["users"]
    command = "updateUser" if exists else "createUser"
    client.admin.command(command, name, pwd=password, roles=["root"], mechanisms=["SCRAM-SHA-256"])


def configure_members(client: MongoClient[dict[str, Any]], hosts: Sequence[str]) -> None:
    """Make `hosts` the members of the set, over a direct connection to one of them.

    Does nothing if they are the members already. A set with other addresses gets these.
    """
    members = [{"_id": index, "host": host} for index, host in enumerate(hosts)]
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        client.admin.command("replSetInitiate", {"_id": NAME, "members": members})
        return
    if [member["host"] for member in config["members"]] != list(hosts):
        changed = {**config, "members": members, "version": config["version"] + 1}
        client.admin.command("replSetReconfig", changed, force=True)


def main(hosts: Sequence[str]) -> int:
    """Configure the set and wait until it has a primary. Return the exit code."""
    deadline = time.monotonic() + START_DEADLINE
    client: MongoClient[dict[str, Any]] = MongoClient(
        f"mongodb://{hosts[0]}/?directConnection=true", serverSelectionTimeoutMS=1000
    )
    with client:
        while time.monotonic() < deadline:
            try:
                configure_members(client, hosts)
                if client.admin.command("hello").get("primary"):
                    print(f"the replica set {NAME} of {', '.join(hosts)} has a primary")
                    return 0
            except PyMongoError as error:
                print(f"waiting for the replica set: {type(error).__name__}", file=sys.stderr)
            time.sleep(0.5)
    print(f"the replica set had no primary after {START_DEADLINE:.0f} seconds", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
