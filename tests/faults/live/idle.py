"""Subscriptions that are told nothing: what they cost their server, beside one that has none."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from pymongo import MongoClient
from redis.asyncio import Redis
from rich.table import Table

from tests.faults.deployment import PATIENCE, Deployment
from tests.faults.live.listeners import CrowdedSocket, open_crowded_socket

POLL_INTERVAL = 1.0
"""Seconds, as the settings have it by themselves."""

MOST = 2.0
"""Percent of a core that they may take above an idle server."""

APP = "subscribed"
"""What the server with subscriptions is called in MongoDB's profile."""

TOPICS = ("log", "view.tasks")
"""What the subscriptions are about, as beats name it."""

AT_ONCE = 20
"""Sockets that are opened at a time."""

EVENTS = """subscription { events(filter: { streams: ["task-%d"] }) {
  __typename ... on Message { position } ... on Event { id type } } }"""
TASK = """subscription { task(id: "task-%d") {
  __typename ... on Message { position } ... on TaskChanged { kind task { id status } } } }"""
TASKS = """subscription { tasks(filter: { agentId: { eq: "agent-%d" } }) {
  __typename ... on Message { position } ... on TaskChanged { kind task { id status } } } }"""
LIVE = """subscription { live {
  position query { tasks(filter: { agentId: { eq: "agent-0" } }) { nodes { id } totalCount } } } }"""


@dataclass(frozen=True)
class Size:
    """Sockets, operations on each, and how often how many seconds are looked at."""

    sockets: int
    operations: int
    rounds: int
    seconds: float


@dataclass
class Outcome:
    """One entry for each round: seconds of CPU a second of each server, and what was asked of MongoDB.

    `silences` are the longest times without a beat, in seconds; after more than a poll interval a server
    looks by itself, and should.
    """

    size: Size
    subscribed: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    queries: list[int] = field(default_factory=list)
    silences: list[float] = field(default_factory=list)

    @property
    def above(self) -> float:
        """How much more of a core the server with subscriptions takes than the one without."""
        return median(late - early for early, late in zip(self.idle, self.subscribed, strict=True))

    @property
    def wrongs(self) -> list[str]:
        """Queries of a server that heard of no news all the time."""
        rounds = zip(self.queries, self.silences, strict=True)
        asked = sum(count for count, silence in rounds if silence < POLL_INTERVAL)
        return [f"the server asked {asked} times for nothing"] if asked else []

    def table(self) -> Table:
        """For a person to read."""
        title = f"{self.size.operations} idle subscriptions on each of {self.size.sockets:,} sockets"
        caption = f"{100 * self.above:.2f}% of a core above an idle server, in the median"
        table = Table("round", title=title, caption=caption)
        for column in ("% of a core", "idle server, %", "queries", "longest silence, s"):
            table.add_column(column, justify="right")
        rounds = zip(self.subscribed, self.idle, self.queries, self.silences, strict=True)
        for number, (subscribed, idle, queries, silence) in enumerate(rounds, 1):
            figures = (f"{100 * subscribed:.2f}", f"{100 * idle:.2f}", str(queries), f"{silence:.2f}")
            table.add_row(str(number), *figures)
        return table


class LiveIdle:
    """A worker and two API processes, of which one has all subscriptions."""

    def __init__(self, folder: Path, size: Size) -> None:
        self._deployment = Deployment(folder)
        self._deployment.environment["NERVE_POLL_INTERVAL"] = str(POLL_INTERVAL)
        # All of them come at once: whoever comes last waits.
        self._deployment.environment["NERVE_INIT_TIMEOUT"] = str(PATIENCE)
        self._size = size
        self.outcome = Outcome(size)

    def run(self, step: Callable[[], None] = lambda: None) -> Outcome:
        """All rounds; `step` is called after each."""
        try:
            self._deployment.worker()
            self._deployment.api()
            mongo_url = f"{self._deployment.mongod.url}&appName={APP}"
            url = self._deployment.api(NERVE_MONGO_URL=mongo_url)
            asyncio.run(self._run(f"{url.replace('http', 'ws', 1)}/graphql", step))
        finally:
            self._deployment.end()
        return self.outcome

    async def _run(self, url: str, step: Callable[[], None]) -> None:
        sockets: list[CrowdedSocket] = []
        while len(sockets) < self._size.sockets:
            least = len(sockets) * self._size.operations
            many = min(AT_ONCE, self._size.sockets - len(sockets))
            sockets += await asyncio.gather(*(self._socket(url, least, place) for place in range(many)))
        while await self._silence(POLL_INTERVAL) >= POLL_INTERVAL:
            """The first beat that it hears makes it look once."""
        for _ in range(self._size.rounds):
            await self._round()
            step()
        assert not any(one.transport.is_closing() for one in sockets), "a socket was cut off"
        for one in sockets:
            one.transport.abort()

    async def _socket(self, url: str, least: int, place: int) -> CrowdedSocket:
        begin = least + place * self._size.operations
        return await open_crowded_socket(url, [query(begin + n) for n in range(self._size.operations)])

    async def _round(self) -> None:
        _, idle, subscribed = (child.pid for child in self._deployment.children)
        with asked(self._deployment.mongod.url, self._deployment.database) as queries:
            before, began = (_cpu(idle), _cpu(subscribed)), time.monotonic()
            silence = await self._silence(self._size.seconds)
            after, took = (_cpu(idle), _cpu(subscribed)), time.monotonic() - began
            self.outcome.queries.append(len(queries()))
        self.outcome.idle.append((after[0] - before[0]) / took)
        self.outcome.subscribed.append((after[1] - before[1]) / took)
        self.outcome.silences.append(silence)

    async def _silence(self, seconds: float) -> float:
        return await silence(self._deployment.redis.url, self._deployment.database, seconds)


@contextmanager
def asked(mongo_url: str, database: str) -> Iterator[Callable[[], list[Any]]]:
    """Tells what the server called `APP` has asked of the database inside the context."""
    with MongoClient[dict[str, Any]](mongo_url) as client:
        profiled = client[database]
        profiled.command({"profile": 0})
        profiled.drop_collection("system.profile")
        profiled.command({"profile": 1, "filter": {"appName": APP}})
        yield lambda: [one["command"] for one in profiled["system.profile"].find()]
        profiled.command({"profile": 0})


async def silence(redis_url: str, database: str, seconds: float) -> float:
    """The longest time without a beat of the log, or of the view, within so many seconds."""
    begun = time.monotonic()
    heard = {topic: [begun] for topic in TOPICS}
    async with Redis.from_url(redis_url) as redis, redis.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe(f"nerve:{database}")
        while (left := begun + seconds - time.monotonic()) > 0:
            message = await channel.get_message(timeout=left)
            words = message["data"].decode().split(" ") if message is not None else [""]
            for topic in TOPICS if words[0] == "beat" else ():
                if topic in words:
                    heard[topic].append(time.monotonic())
    ends = [[*times, begun + seconds] for times in heard.values()]
    return max(late - early for times in ends for early, late in pairwise(times))


def query(number: int) -> str:
    """The text of an operation: live queries are alike, of the others no two are."""
    return LIVE if number % 4 == 3 else (EVENTS, TASK, TASKS)[number % 4] % number


def _cpu(pid: int) -> float:
    """Seconds that the process has run so far; see proc_pid_stat(5)."""
    said = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(said[11]) + int(said[12])) / os.sysconf("SC_CLK_TCK")
