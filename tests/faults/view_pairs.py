"""Clients that write at one API process and read it at another: nobody may read what was before."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import httpx
from rich.table import Table

from api.devserver.child import ChildProcess
from tests.faults.deployment import PATIENCE, Deployment

CLIENTS = 8

SHARES = {"undisturbed": 8, "workers killed": 1, "Redis down": 1}
"""Of ten pairs, in what weather, one after the other."""

BETWEEN = 40
"""Pairs between two kills of a worker."""

LIMITS = httpx.Limits(keepalive_expiry=1.0)
"""Well before the server closes an idle connection: it would be closed under a request."""

CREATE = """mutation { createDocument(input: {title: "none", content: {}}, await: PROJECTED) {
  document { id } } }"""
RENAME = """mutation ($input: RenameDocumentInput!, $wait: Await!) {
  renameDocument(input: $input, await: $wait) { document { title } receipt { position } } }"""
ONE = "query ($id: ID!, $at: Position) { document(id: $id, atLeast: $at) { title } }"
LIST = """query ($title: String!, $at: Position) {
  documents(filter: {title: {eq: $title}}, atLeast: $at) { nodes { id } } }"""


@dataclass
class Outcome:
    """Pairs by weather and by how was read, the milliseconds of each, and those that were wrong."""

    took: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    kills: int = 0
    wrongs: list[str] = field(default_factory=list)

    @property
    def pairs(self) -> int:
        return sum(map(len, self.took.values()))

    def table(self) -> Table:
        """For a person to read."""
        table = Table(
            "weather",
            "read",
            title=f"{self.pairs:,} writes at one API process, each read at another: {len(self.wrongs)} stale",
            caption=f"{self.kills} kills -9 of workers",
        )
        for column in ("pairs", "median, ms", "longest, ms"):
            table.add_column(column, justify="right")
        for (weather, kind), took in self.took.items():
            table.add_row(weather, kind, f"{len(took):,}", f"{median(took):,.1f}", f"{max(took):,.0f}")
        return table


class Client:
    """Writes and reads one document, each time at another API process."""

    def __init__(self, apis: list[httpx.AsyncClient], outcome: Outcome, seed: int) -> None:
        self._apis = apis
        self._outcome = outcome
        self._chance = Random(seed)
        self._titles = (f"title {seed} {number}" for number in count(1))
        self._document = ""
        self._kinds = {
            "await: PROJECTED": self._awaited,
            "atLeast": self._one_at_least,
            "list, atLeast": self._list_at_least,
        }

    async def begin(self) -> None:
        self._document = (await self._ask(self._apis[0], CREATE))["createDocument"]["document"]["id"]

    async def work(self, weather: str, pairs: Iterator[int]) -> None:
        """Take pairs for as long as there are any."""
        for _ in pairs:
            kind = self._chance.choice(list(self._kinds))
            writer, reader = self._chance.sample(self._apis, 2)
            title, began = next(self._titles), time.perf_counter()
            wrong = await self._kinds[kind](writer, reader, title)
            self._outcome.took[weather, kind].append((time.perf_counter() - began) * 1e3)
            if wrong:
                self._outcome.wrongs.append(f"{weather}, {kind}: {wrong}, and {title!r} was written")

    async def _awaited(self, writer: httpx.AsyncClient, reader: httpx.AsyncClient, title: str) -> str:
        """What the mutation answers, and what the other process says without being asked to wait."""
        told = await self._write(writer, title, "PROJECTED")
        seen = await self._ask(reader, ONE, id=self._document)
        titles = [told["document"]["title"], seen["document"]["title"]]
        return "" if titles == [title, title] else f"got {titles}"

    async def _one_at_least(self, writer: httpx.AsyncClient, reader: httpx.AsyncClient, title: str) -> str:
        at = (await self._write(writer, title, "STORED"))["receipt"]["position"]
        seen = (await self._ask(reader, ONE, id=self._document, at=at))["document"]["title"]
        return "" if seen == title else f"got {seen!r}"

    async def _list_at_least(self, writer: httpx.AsyncClient, reader: httpx.AsyncClient, title: str) -> str:
        at = (await self._write(writer, title, "STORED"))["receipt"]["position"]
        seen = (await self._ask(reader, LIST, title=title, at=at))["documents"]["nodes"]
        return "" if seen == [{"id": self._document}] else f"got {seen}"

    async def _write(self, api: httpx.AsyncClient, title: str, wait: str) -> Any:
        asked = {"id": self._document, "title": title}
        return (await self._ask(api, RENAME, input=asked, wait=wait))["renameDocument"]

    async def _ask(self, api: httpx.AsyncClient, query: str, **variables: Any) -> Any:
        answer = (await api.post("/graphql", json={"query": query, "variables": variables})).json()
        assert "errors" not in answer, answer
        return answer["data"]


class ViewPairs:
    """Two API processes, and workers of which one is killed now and then."""

    def __init__(self, folder: Path, pairs: int, workers: int = 2) -> None:
        self._deployment = Deployment(folder)
        self._pairs = pairs
        self._count = workers
        self._workers: list[ChildProcess] = []
        self._outcome = Outcome()

    def run(self, done: Callable[[], None] = lambda: None) -> Outcome:
        """All pairs; `done` is called after each."""
        try:
            self._workers = [self._deployment.worker() for _ in range(self._count)]
            urls = [self._deployment.api() for _ in range(2)]
            asyncio.run(self._run(urls, done))
            return self._outcome
        finally:
            self._deployment.end()

    async def _run(self, urls: list[str], done: Callable[[], None]) -> None:
        async with AsyncExitStack() as stack:
            apis = [
                await stack.enter_async_context(
                    httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=LIMITS)
                )
                for url in urls
            ]
            clients = [Client(apis, self._outcome, seed) for seed in range(CLIENTS)]
            await asyncio.gather(*(client.begin() for client in clients))
            for weather, share in SHARES.items():
                pairs = self._paced(weather, self._pairs * share // sum(SHARES.values()), done)
                await asyncio.gather(*(client.work(weather, pairs) for client in clients))

    def _paced(self, weather: str, pairs: int, done: Callable[[], None]) -> Iterator[int]:
        """Numbers of pairs, with the weather made on the way."""
        if weather == "Redis down":
            self._deployment.redis.kill()
        for number in range(pairs):
            if weather == "workers killed" and number % BETWEEN == 0:
                self._kill_worker()
            yield number
            done()

    def _kill_worker(self) -> None:
        # The one that has been there longest: it holds leases.
        self._workers.pop(0).kill()
        self._outcome.kills += 1
        self._workers.append(self._deployment.worker())
