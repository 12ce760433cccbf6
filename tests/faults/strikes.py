"""What strikes a log under load, once: each leaves everything whole again."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bson
from pymongo import MongoClient
from pymongo.read_concern import ReadConcern

from tests.faults.journal import entries
from tests.faults.load import FENCE_AFTER, Load
from tests.faults.programs import WriterProcess
from tests.faults.proxy import Proxy, commits, counting, documents, tombstones
from tests.faults.recovery import Recovery
from tests.faults.replica_set import Member, ReplicaSet
from tests.helpers.servers import eventually

STALL = 3 * FENCE_AFTER
"""Seconds that a stalled process is away: long enough for every reader to close what it left open."""

FREEZE = 30.0
"""Seconds that a primary is stopped, where there is time for that."""

SET_BACK = 100
"""Positions that the counter loses, as in a failover that takes them back."""

LOST_REPLIES = 10

SETTLE = 0.1
"""Seconds in which all that a writer sends without waiting has been sent."""


@dataclass(frozen=True)
class Scene:
    """A load on a database of a replica set. With `long`, nothing is cut short.

    `recoveries` are the moments of each outage that a strike measured.
    """

    servers: ReplicaSet
    load: Load
    database: str
    long: bool
    recoveries: list[Recovery] = field(default_factory=list)


def kill_writer(scene: Scene) -> None:
    """kill -9 of an appending process; its successor sends again what has no outcome"""
    writer = scene.load.chance.choice(scene.load.writers)
    enough = writer.acknowledged + scene.load.chance.randrange(100)
    scene.load.until(lambda: writer.acknowledged >= enough)
    scene.load.kill(writer)
    scene.load.start_writer(predecessor=writer)
    scene.load.begins()


def freeze_writer(scene: Scene) -> None:
    """an appending process stopped wherever it is, for three times the fence time"""
    writer = scene.load.chance.choice(scene.load.writers)
    writer.pause()
    time.sleep(STALL)
    writer.resume()


def kill_primary(scene: Scene) -> None:
    """kill -9 of the primary; it comes back as a secondary"""
    primary = scene.servers.await_primary()
    killed = time.monotonic()
    primary.kill()
    successor = scene.servers.await_primary(other_than=primary)
    elected = time.monotonic()
    scene.servers.await_write(successor, "majority")
    scene.recoveries.append(Recovery(killed, elected, time.monotonic()))
    scene.load.goes_on()
    primary.start()
    scene.servers.await_whole()


def step_down(scene: Scene) -> None:
    """the primary steps down in the middle of appends"""
    scene.servers.await_primary(other_than=scene.servers.step_down())
    scene.load.goes_on()
    scene.servers.await_whole()


def freeze_primary(scene: Scene) -> None:
    """the primary stopped with SIGSTOP, and resumed when another one has long been elected"""
    primary = scene.servers.await_primary()
    primary.pause()
    frozen = time.monotonic()
    try:
        scene.servers.await_primary(other_than=primary)
        if scene.long:
            scene.load.goes_on()
            time.sleep(max(0.0, frozen + FREEZE - time.monotonic()))
    finally:
        primary.resume()
    scene.servers.await_whole()


def fill_disk(scene: Scene) -> None:
    """the primary's disk takes not one byte more"""
    primary = scene.servers.await_primary()
    resource.prlimit(primary.pid, resource.RLIMIT_FSIZE, (0, 0))
    eventually(lambda: primary.exit_code is not None)
    scene.load.goes_on()
    primary.start()
    scene.servers.await_whole()


def kill_majority(scene: Scene) -> None:
    """kill -9 of both secondaries: nothing is acknowledged until there is a majority again"""
    primary = scene.servers.await_primary()
    others = scene.servers.others(primary)
    for other in others:
        other.kill()
    eventually(lambda: not primary.hello().get("isWritablePrimary"))
    before = scene.load.unanswered
    scene.load.until(lambda: scene.load.unanswered > before)
    acknowledged = scene.load.acknowledged
    scene.load.until(lambda: scene.load.unanswered > before + len(scene.load.writers))
    assert scene.load.acknowledged == acknowledged, "a command was acknowledged without a majority"
    for other in others:
        other.start()
    scene.servers.await_whole()


def kill_all_members(scene: Scene) -> None:
    """kill -9 of all three members at once"""
    for member in scene.servers.members:
        member.kill()
    for member in scene.servers.members:
        member.start()
    scene.servers.await_whole()


def roll_back_head(scene: Scene) -> None:
    """commits of an isolated primary, which the set takes back when it is in touch again"""
    isolated = scene.servers.await_primary()
    others = scene.servers.others(isolated)
    with scene.load.paused():
        for other in others:
            other.kill()
        common = _local_head(isolated, scene.database)
    eventually(lambda: _local_head(isolated, scene.database) > common)
    isolated.pause()
    for other in others:
        other.start()
    scene.servers.await_primary(other_than=isolated)
    if scene.long:
        scene.load.goes_on()
    before = _rolled_back(isolated)
    isolated.resume()
    eventually(lambda: _rolled_back(isolated) > before)
    scene.servers.await_whole()


def _local_head(member: Member, database: str) -> int:
    """The highest position of a commit that the member has, whether or not a majority has it.

    A reader may have filled holes behind it.
    """
    with member.client() as client:
        log = client[database].get_collection("log", read_concern=ReadConcern("local"))
        last = log.find_one({"events": {"$exists": True}}, {"_id": 1}, sort=[("_id", -1)])
    return last["_id"] if last else 0


def _rolled_back(member: Member) -> int:
    """How many commits the member had to take back so far, by the files that it keeps of them."""
    files = Path(member.folder, "rollback").rglob("*.bson")
    return sum("events" in document for file in files for document in bson.decode_all(file.read_bytes()))


def set_counter_back(scene: Scene) -> None:
    """the counter of positions falls behind the log, as it may in a failover"""
    with MongoClient[dict[str, Any]](scene.servers.url) as client:
        back = {"$set": {"head": max(0, _counter(scene) - SET_BACK)}}
        client[scene.database]["counters"].update_one({"_id": "log"}, back)


def lose_replies(scene: Scene) -> None:
    """a connection that drops after the server has carried out an insert, again and again"""
    with Proxy(scene.servers.await_primary().url).listening() as proxy:
        writer = scene.load.start_writer(proxy.url)
        scene.load.begins()
        proxy.lose_replies = LOST_REPLIES if scene.long else 2
        scene.load.until(lambda: not proxy.lose_replies)
        scene.load.retire(writer)


@contextmanager
def _stalled(scene: Scene) -> Iterator[dict[str, int]]:
    """A writer stopped at its insert until the end; the positions that its commands were to have.

    They land elsewhere when it goes on.
    """
    with Proxy(scene.servers.await_primary().url).listening() as proxy:
        writer = scene.load.start_writer(proxy.url)
        scene.load.begins()
        proxy.hold(commits)
        scene.load.until(lambda: bool(proxy.held))
        writer.pause()
        meant = _meant(proxy)
        yield meant
        proxy.let_go()
        writer.resume()
        scene.load.retire(writer)
    _landed_elsewhere(writer, meant)


def _meant(proxy: Proxy) -> dict[str, int]:
    """The commands in what is held, and the position that each was to have."""
    return {one["command"]["id"]: one["_id"] for held in proxy.held for one in documents(held)}


def _landed_elsewhere(writer: WriterProcess, meant: dict[str, int]) -> None:
    noted = list(entries(writer.journal))
    landed = {(one.what[0], one.what[-1]) for one in noted if one.kind == "stored"}
    assert not landed & set(meant.items()), "a commit landed behind a reader"
    assert meant.keys() <= {one.what[0] for one in noted if one.kind in ("stored", "refused")}


def stall_writer(scene: Scene) -> None:
    """a writer stopped between its reservation and its insert, for three times the fence time"""
    with _stalled(scene) as meant:
        time.sleep(STALL)
        scene.load.read_to(max(meant.values()))


def stall_sole_writer(scene: Scene) -> None:
    """the same of the only writer, which takes positions that no counter knows of; then others write"""
    with Proxy(scene.servers.await_primary().url).listening() as proxy:
        writer = scene.load.start_writer(proxy.url)
        scene.load.begins()
        with scene.load.paused(but=writer):
            scene.load.until(lambda: _takes_what_no_counter_knows(scene, proxy))
            writer.pause()
            meant = _meant(proxy)
        time.sleep(STALL)
        scene.load.read_to(max(meant.values()))
        proxy.let_go()
        writer.resume()
        scene.load.retire(writer)
    _landed_elsewhere(writer, meant)


def _takes_what_no_counter_knows(scene: Scene, proxy: Proxy) -> bool:
    """Hold what the writer sends next; whether it is an insert at positions that are not reserved."""
    proxy.hold(lambda message: counting(message) or commits(message))
    eventually(lambda: bool(proxy.held))
    time.sleep(SETTLE)
    positions = _meant(proxy).values()
    if positions and min(positions) > _counter(scene):
        return True
    proxy.let_go()
    return False


def _counter(scene: Scene) -> int:
    with MongoClient[dict[str, Any]](scene.servers.url) as client:
        found = client[scene.database]["counters"].find_one({"_id": "log"})
    return found["head"] if found else 0


def kill_reader(scene: Scene) -> None:
    """kill -9 of a reader that is about to close a hole; what it sent arrives much later"""
    with Proxy(scene.servers.await_primary().url).listening() as proxy:
        proxy.hold(tombstones)
        reader = scene.load.start_reader(proxy.url, fence_after=FENCE_AFTER / 5)
        scene.load.begins()
        with _stalled(scene) as meant:
            scene.load.until(lambda: bool(proxy.held))
            scene.load.kill(reader)
            scene.load.read_to(max(meant.values()))
            proxy.let_go()
