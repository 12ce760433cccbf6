"""Configures a replica set of mongod processes: ``python -m api.devserver.replica_set KEY_FILE URL_FILE``.

The files contain the key that the members share, and the URL of an administrator, which is created. The URL
names the members.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

NAME = "nerve"
START_DEADLINE = 60.0
TIMEOUT = {"serverSelectionTimeoutMS": 1000}
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


def main(key_file: Path, url_file: Path) -> int:
    """Configure the set, wait until it has a primary, and create the administrator. Return the exit code."""
    deadline = time.monotonic() + START_DEADLINE
    key, admin = key_file.read_text().strip(), parse_uri(url_file.read_text().strip())
    hosts = [f"{host}:{port}" for host, port in admin["nodelist"]]
    while time.monotonic() < deadline:
        try:
            if primary := _configure(hosts, key):
                with open_as_member(primary, key, **TIMEOUT) as client:
                    set_user(client, admin["username"], admin["password"])
                print(f"the replica set {NAME} of {', '.join(hosts)} has a primary and an administrator")
                return 0
        except PyMongoError as error:
            print(f"waiting for the replica set: {type(error).__name__}", file=sys.stderr)
        time.sleep(0.5)
    print(f"the replica set had no primary after {START_DEADLINE:.0f} seconds", file=sys.stderr)
    return 1


def _configure(hosts: Sequence[str], key: str) -> str | None:
    """Make the hosts the members of the set; return the primary, None if there is none yet."""
    with open_as_member(hosts[0], key, **TIMEOUT) as client:
        configure_members(client, hosts)
        primary: str | None = client.admin.command("hello").get("primary")
        return primary


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
