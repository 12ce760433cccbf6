"""Three mongod processes that are one replica set, to be killed, stopped and cut off one by one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient, WriteConcern
from pymongo.errors import AutoReconnect, PyMongoError

from api.devserver.embedded import Mongod
from api.devserver.replica_set import NAME, configure_members
from tests.helpers.servers import eventually

SETTINGS = {"electionTimeoutMillis": 1_000, "heartbeatIntervalMillis": 300, "heartbeatTimeoutSecs": 1}
"""A set that notices a lost primary within a second or two, where the default takes ten and more."""

LOOK_EVERY = 0.2
"""Seconds between two looks at all members: each look opens connections, which costs as much as the load."""

KEY = "k" * 64
"""The key that the members share."""

ANSWER = 1_000
"""Milliseconds that a member may take to say how it is; one that is stopped says nothing."""


class Member(Mongod):
    """One mongod of a set that is configured from outside."""

    def _ready(self) -> bool:
        return bool(self.hello())

    @contextmanager
    def client(self) -> Iterator[MongoClient[dict[str, Any]]]:
        """A connection to this member alone, whatever it is at the moment."""
        limits = dict.fromkeys(("serverSelectionTimeoutMS", "socketTimeoutMS", "connectTimeoutMS"), ANSWER)
        with self.as_member(**limits) as client:
            yield client

    def hello(self) -> dict[str, Any]:
        """What it says of itself; nothing where it does not answer."""
        try:
            with self.client() as client:
                return client.admin.command("hello")
        except PyMongoError:
            return {}

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


class ReplicaSet:
    """Its members start one by one and end together."""

    def __init__(self, folder: Path, size: int = 3) -> None:
        self.members = [Member(folder / f"member-{place}", secret=KEY) for place in range(size)]

    @property
    def url(self) -> str:
        hosts = ",".join(member.address for member in self.members)
        return f"mongodb://{self.members[0].credentials}@{hosts}/?replicaSet={NAME}"

    def start(self) -> None:
        """Start all, with the first as the primary, and wait until every one of them has the data."""
        for member in self.members:
            member.start()
        first = self.members[0]
        with first.client() as client:
            configure_members(client, [first.address])
            eventually(lambda: bool(first.hello().get("isWritablePrimary")))
            first.make_user(client)
            config = client.admin.command("replSetGetConfig")["config"]
            quick = {**config, "version": config["version"] + 1, "settings": SETTINGS}
            client.admin.command("replSetReconfig", quick)
            configure_members(client, [member.address for member in self.members])
        self.await_whole()
        everywhere = WriteConcern(w=len(self.members))
        with MongoClient[dict[str, Any]](self.url) as client:
            # Majority reads wait for the first write of a new configuration, which may take 20 s to come.
            client.get_database("started", write_concern=everywhere)["set"].insert_one({})

    def kill_all(self) -> None:
        for member in self.members:
            if member.child is not None:
                member.kill()

    def primary(self) -> Member | None:
        """The member that takes writes; a resumed one may think that it is, so the newest election counts."""
        running = [member for member in self.members if member.exit_code is None]
        found = [(hello["electionId"], member) for member in running if _writes(hello := member.hello())]
        return max(found, key=lambda one: one[0])[1] if found else None

    def await_primary(self, *, other_than: Member | None = None) -> Member:
        """Wait until a majority has elected a member, by default any."""
        found: list[Member] = []

        def elected() -> bool:
            found[:] = [one for one in [self.primary()] if one is not None and one is not other_than]
            return bool(found)

        eventually(elected, every=LOOK_EVERY)
        return found[0]

    def await_write(self, primary: Member, confirmed_by: int | str) -> None:
        """Wait until a write of this primary is confirmed by so many members, or by a "majority"."""
        concern = WriteConcern(w=confirmed_by, wtimeout=ANSWER)

        def confirmed() -> bool:
            try:
                with primary.client() as client:
                    probe = client.get_database("started", write_concern=concern)["confirmed"]
                    return probe.insert_one({}).acknowledged
            except PyMongoError:
                return False

        eventually(confirmed, 120, LOOK_EVERY)

    def await_whole(self) -> Member:
        """Wait until one member is the primary and all others have what it writes; the primary.

        A member that comes back may say that it follows and only then roll back what it had alone, for half
        a minute in which it does not vote: without it and the primary there is no majority.
        """
        eventually(self._is_whole, 60, LOOK_EVERY)
        primary = self.await_primary()
        self.await_write(primary, len(self.members))
        return primary

    def _is_whole(self) -> bool:
        hellos = [member.hello() for member in self.members]
        following = sum(1 for hello in hellos if hello.get("secondary"))
        leaders = {hello.get("primary") for hello in hellos}
        return following == len(hellos) - 1 and len(leaders) == 1 and None not in leaders

    def others(self, than: Member) -> list[Member]:
        return [member for member in self.members if member is not than]

    def step_down(self) -> Member:
        """Have the primary hand over; who was it."""
        primary = self.await_primary()
        with primary.client() as client, suppress(AutoReconnect):
            client.admin.command("replSetStepDown", 2, secondaryCatchUpPeriodSecs=1)
        return primary


def _writes(hello: dict[str, Any]) -> bool:
    return bool(hello.get("isWritablePrimary"))
