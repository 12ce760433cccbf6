"""Clients that write rows and read them at several API processes, with every cache on: no read is stale."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Protocol

import httpx
from rich.table import Table

from tests.faults.deployment import PATIENCE, Deployment
from tests.faults.view_pairs import LIMITS
from tests.helpers.linearizability import Operation, is_linearizable

APIS = 3
CLIENTS = 8
ROWS = 4
"""Rows that all clients write and read at a time; after so many pairs they take new ones."""

PAIRS_OF_ROWS = 250
READS = 2
"""Queries that follow a write, each of any kind and at any process. Each is sent twice."""

CREATE = """mutation { createDocument(input: {title: "none", content: {}}, await: PROJECTED) {
  document { id } } }"""
RENAME = """mutation ($input: RenameDocumentInput!) {
  renameDocument(input: $input, await: PROJECTED) { receipt { version } } }"""
SHOWN = "id title _meta { version }"
ONE = f"query ($id: ID!) {{ document(id: $id) {{ {SHOWN} }} }}"
SOME = f"query ($ids: [ID!]!) {{ documents(filter: {{id: {{in: $ids}}}}) {{ nodes {{ {SHOWN} }} }} }}"
NEWEST = f"""query ($first: Int!) {{
  documents(first: $first, orderBy: {{field: CREATED_AT, direction: DESC}}) {{ nodes {{ {SHOWN} }} }} }}"""
KINDS = {
    "row": ONE,
    "rows by their ids": SOME,
    "window of a list": NEWEST,
    "list with a count": NEWEST.replace("{ nodes", "{ totalCount nodes"),
}
"""The queries that show rows."""


class Api(Protocol):
    """Sends operations to one API process."""

    async def ask(self, query: str, /, **variables: Any) -> Any:
        """Return the data of an operation that has no errors."""


@dataclass
class Outcome:
    """Pairs of a write and its reads by the state of Redis, reads by their kind, and the stale ones."""

    pairs: Counter[str] = field(default_factory=Counter)
    reads: Counter[str] = field(default_factory=Counter)
    histories: int = 0
    hits: int = 0
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """For a person to read."""
        total = self.pairs.total()
        table = Table(
            "",
            title=f"{total:,} writes and {self.reads.total():,} reads over {APIS} API processes",
            caption=f"{self.hits:,} reads were served from the cache; {self.histories:,} rows were checked",
        )
        table.add_column("number", justify="right")
        for name, number in (*self.pairs.items(), *self.reads.items(), ("wrong", len(self.wrongs))):
            table.add_row(name, f"{number:,}")
        return table


class QueryHistories:
    """Writes and reads rows through these processes, and checks the history of each row."""

    def __init__(self, apis: Sequence[Api], outcome: Outcome, seed: int = 1) -> None:
        self._apis = apis
        self._outcome = outcome
        self._dice = Random(seed)
        self._numbers = count(1)
        self._rows: Sequence[str] = ()
        self._histories: dict[str, list[Operation]] = defaultdict(list)

    async def run(self, pairs: int, weather: str, done: Callable[[], None] = lambda: None) -> None:
        """Write and read so many pairs; `done` is called after each."""
        for start in range(0, pairs, PAIRS_OF_ROWS):
            created = [await self._apis[0].ask(CREATE) for _ in range(ROWS)]
            self._rows = [each["createDocument"]["document"]["id"] for each in created]
            self._histories.clear()
            numbers = iter(range(min(PAIRS_OF_ROWS, pairs - start)))
            await asyncio.gather(*(self._work(weather, numbers, done) for _ in range(CLIENTS)))
            for row, history in self._histories.items():
                self._outcome.histories += 1
                if not is_linearizable(history, "none"):
                    self._outcome.wrongs.append(f"{weather}: the history of {row} is not linearizable")

    async def _work(self, weather: str, pairs: Iterator[int], done: Callable[[], None]) -> None:
        for _ in pairs:
            row, title = self._dice.choice(self._rows), f"title {next(self._numbers)}"
            writer, *readers = (self._dice.choice(self._apis) for _ in range(1 + READS))
            version = await self._write(writer, row, title)
            for reader in readers:
                await self._read_twice(weather, reader, row, version)
            self._outcome.pairs[weather] += 1
            done()

    async def _read_twice(self, weather: str, reader: Api, row: str, version: int) -> None:
        """Send a query of the row, which has had this version, twice to one process."""
        kind = self._dice.choice(list(KINDS))
        for _ in range(2):
            shown = await self._read(reader, kind, row)
            self._outcome.reads[kind] += 1
            if shown.get(row, 0) < version:
                wrong = f"version {shown.get(row)} of {row} was shown after {version} was written"
                self._outcome.wrongs.append(f"{weather}, {kind}: {wrong}")

    async def _write(self, api: Api, row: str, title: str) -> int:
        """Give a row a title; return its version once every process can read that."""
        began = time.monotonic()
        data = await api.ask(RENAME, input={"id": row, "title": title})
        operation = Operation(began, time.monotonic(), title, is_write=True)
        self._histories[row].append(operation)
        version: int = data["renameDocument"]["receipt"]["version"]
        return version

    async def _read(self, api: Api, kind: str, row: str) -> dict[str, int]:
        """Read the row, alone or with others. Return the versions that are shown, by the rows."""
        variables: dict[str, dict[str, Any]] = {"row": {"id": row}, "rows by their ids": {"ids": self._rows}}
        began = time.monotonic()
        data = await api.ask(KINDS[kind], **variables.get(kind, {"first": ROWS}))
        ended = time.monotonic()
        shown = [data["document"]] if "document" in data else data["documents"]["nodes"]
        for each in shown:
            self._histories[each["id"]].append(Operation(began, ended, each["title"]))
        return {each["id"]: each["_meta"]["version"] for each in shown}


class HttpApi:
    """An API process, asked over HTTP."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, query: str, /, **variables: Any) -> Any:
        response = await self._http.post("/graphql", json={"query": query, "variables": variables})
        answer = response.json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def hits(self) -> int:
        """Return how many queries were served from the cache."""
        lines = (await self._http.get("/metrics")).text.splitlines()
        [hits] = [line.split()[1] for line in lines if line.startswith("nerve_result_cache_hits_total")]
        return int(float(hits))


class StaleReads:
    """Three API processes and a worker: first with Redis, then without it."""

    def __init__(self, folder: Path, pairs: int) -> None:
        self._deployment = Deployment(folder)
        self._pairs = pairs

    def run(self, done: Callable[[], None] = lambda: None) -> Outcome:
        """Run all pairs; `done` is called after each."""
        try:
            self._deployment.worker()
            urls = [self._deployment.api() for _ in range(APIS)]
            return asyncio.run(self._run(urls, done))
        finally:
            self._deployment.end()

    async def _run(self, urls: Collection[str], done: Callable[[], None]) -> Outcome:
        outcome = Outcome()
        async with AsyncExitStack() as stack:
            clients = [httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=LIMITS) for url in urls]
            apis = [HttpApi(await stack.enter_async_context(client)) for client in clients]
            histories = QueryHistories(apis, outcome)
            await histories.run(self._pairs // 2, "with Redis", done)
            self._deployment.redis.kill()
            await histories.run(self._pairs - self._pairs // 2, "without Redis", done)
            outcome.hits = sum([await api.hits() for api in apis])
        if not outcome.hits:
            outcome.wrongs.append("no read was served from the cache, so nothing was shown")
        return outcome
