"""The faults, and how one is put to a log under load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from tests.faults import strikes
from tests.faults.judge import Verdict
from tests.faults.load import Load
from tests.faults.replica_set import ReplicaSet
from tests.faults.strikes import Scene
from tests.faults.writer import Orders
from tests.helpers.servers import eventually

WRITERS = 2
READERS = 2
DATABASE = "faults"

PAUSES = {True: 0.03, False: 0.25}
"""Seconds between two commands of a caller, in full and in short: two cores carry load and servers."""


@dataclass(frozen=True)
class Fault:
    """A strike and how often it strikes: `times` in full, `briefly` in the suite that runs all the time.

    What strikes there not at all is a part of another strike, has a test of its own, or takes too long.
    """

    name: str
    strike: Callable[[Scene], None]
    times: int
    briefly: int = 1

    @property
    def about(self) -> str:
        return self.strike.__doc__ or ""


FAULTS = (
    Fault("writer.killed", strikes.kill_writer, 100),
    Fault("writer.frozen", strikes.freeze_writer, 10, briefly=0),
    Fault("writer.stalled", strikes.stall_writer, 10, briefly=0),
    Fault("writer.stalled.sole", strikes.stall_sole_writer, 10),
    Fault("reader.killed", strikes.kill_reader, 10),
    Fault("replies.lost", strikes.lose_replies, 10, briefly=0),
    Fault("counter.back", strikes.set_counter_back, 10),
    Fault("primary.stepdown", strikes.step_down, 10),
    Fault("primary.killed", strikes.kill_primary, 10),
    Fault("primary.frozen", strikes.freeze_primary, 3),
    Fault("primary.disk", strikes.fill_disk, 3, briefly=0),
    Fault("head.rolledback", strikes.roll_back_head, 5),
    Fault("majority.killed", strikes.kill_majority, 3, briefly=0),
    Fault("set.killed", strikes.kill_all_members, 5, briefly=0),
)


@contextmanager
def load_on(servers: ReplicaSet, folder: Path, *, long: bool, **orders: Any) -> Iterator[Scene]:
    """Writers and readers at work on a new log of the set, with their journals in `folder`."""
    load = Load(Orders(servers.url, DATABASE, str(folder), seed=1, pause=PAUSES[long], **orders))
    try:
        for _ in range(READERS):
            load.start_reader()
        for _ in range(WRITERS):
            load.start_writer()
        load.begins()
        yield Scene(servers, load, DATABASE, long)
    finally:
        load.kill_all()


def strike(fault: Fault, scene: Scene) -> None:
    """Strike once; returns when the load goes on."""
    fault.strike(scene)
    scene.load.goes_on()


def verdict_on(scene: Scene) -> Verdict:
    """End the load, and judge it; every member of the set must hold the same log."""
    verdict = scene.load.finish()
    scene.servers.await_whole()
    eventually(lambda: len(_copies(scene)) == 1)
    return verdict


def _copies(scene: Scene) -> set[str]:
    """The digests of the log on each member."""
    found: set[str] = set()
    for member in scene.servers.members:
        with MongoClient[dict[str, Any]](member.url) as client:
            found.add(client[scene.database].command("dbHash", collections=["log"])["collections"]["log"])
    return found
