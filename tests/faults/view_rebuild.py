"""Views built anew under clients who read them: one pages through thousands of rows, one follows live."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import orjson
from rich.table import Table
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from api.fleet.activity import LoggedActivity
from api.lifecycle import open_runtime
from eventstore.commit_documents import encode_commit, with_position
from eventstore.mongo.driver import open_client
from tests.faults.deployment import PATIENCE, Deployment
from tests.helpers.process_log import activities, commits, of_tenant
from tests.helpers.served_api import Client

FOLDED = 1_800.0
"""Seconds that the views may take at most for the whole log."""

PAGED = 10_000
"""Rows that the pager goes through, or all where there are fewer."""

PAGE = 200
GROUP = 1_000
"""Commits that are written at once."""

OF_A_TENANT = 2
"""Copies of the process log in each tenant: more than `PAGED` tasks. The clients are the first tenant's."""

TENANTS = ("default", *(f"tenant-{number}" for number in range(1, 100)))

BETWEEN = 0.1
"""Seconds between two commands of the writer."""

TITLE = "written meanwhile"
PAGES = """query ($after: String) { tasks(first: 200, after: $after) {
  nodes { id title status agentId workflowId createdAt finishedAt } pageInfo { endCursor hasNextPage } } }"""
FOLLOW = """subscription { tasks(first: 10) { __typename
  ... on TaskChanged { id task { title status } } } }"""
CREATE = "mutation ($title: String!) { createTask(input: {title: $title}) { receipt { stream } } }"
CANCEL = "mutation ($id: ID!) { cancelTask(input: {id: $id}, await: PROJECTED) { task { status } } }"
STATUS = "{ viewStatus { name lag generations { number state } } }"

Row = Mapping[str, Any]


@dataclass
class Outcome:
    """What the two clients had, and how long the rebuild took; `wrongs` are what they must not have had."""

    events: int = 0
    seconds: float = 0.0
    paged: int = 0
    passes: int = 0
    written: int = 0
    told: int = 0
    generations: dict[str, int] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """For a person to read."""
        title = f"all views built anew from {self.events:,} events in {self.seconds:,.0f} s"
        table = Table("meanwhile", title=title, caption=f"{len(self.wrongs)} wrongs")
        table.add_column("", justify="right")
        table.add_row(f"passes through {self.paged:,} tasks", f"{self.passes:,}")
        table.add_row("tasks created and cancelled", f"{self.written:,}")
        table.add_row("changes told to the subscriber", f"{self.told:,}")
        table.add_row("views that have another generation", f"{len(self.generations):,}")
        return table


class ViewRebuild:
    """A log of so many copies of a process log, an API process, a worker, and the two clients."""

    def __init__(self, folder: Path, copies: int) -> None:
        self._deployment = Deployment(folder)
        self._copies = copies
        self._outcome = Outcome()
        self._over = asyncio.Event()

    def run(self, step: Callable[[], None] = lambda: None) -> Outcome:
        """Rebuild all views once; `step` is called after each copy that is written."""
        try:
            asyncio.run(self._run(step))
            return self._outcome
        finally:
            self._deployment.end()

    async def _run(self, step: Callable[[], None]) -> None:
        await self._fill(step)
        self._deployment.worker()
        await self._folded()
        async with AsyncExitStack() as stack:
            url = self._deployment.api()
            http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=PATIENCE))
            before = await self._pass(http, PAGED)
            self._outcome.paged = len(before)
            client = await stack.enter_async_context(_follower(url))
            told: dict[str, list[str]] = defaultdict(list)
            following = asyncio.create_task(self._follow(client, told))
            paging = asyncio.create_task(self._page(http, before))
            writing = asyncio.create_task(self._write(http))
            await self._rebuild()
            # One more pass over what is read by now.
            self._outcome.generations = await self._generations(http)
            self._over.set()
            written = await writing
            await paging
            await self._heard(told, written)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            self._judge(told, written)

    async def _fill(self, step: Callable[[], None]) -> None:
        """The log as an import would leave it, in a fraction of the time."""
        async with open_runtime(self._deployment.settings()):
            """Makes the indexes."""
        base = [commit for copy in range(OF_A_TENANT) for commit in commits(_renamed(copy))]
        async with open_client(self._deployment.mongod.url) as client:
            log, position = client[self._deployment.database]["log"], 0
            for tenant in TENANTS[: -(-self._copies // OF_A_TENANT)]:
                new = (of_tenant(commit, tenant) for commit in base)
                while group := list(islice(new, GROUP)):
                    await log.insert_many(
                        [with_position(encode_commit(c), position + n) for n, c in enumerate(group, 1)]
                    )
                    position += len(group)
                    self._outcome.events += sum(len(commit.events) for commit in group)
                for _ in range(OF_A_TENANT):
                    step()
            counter = {"$set": {"head": position}}
            await client[self._deployment.database]["counters"].update_one(
                {"_id": "log"}, counter, upsert=True
            )

    async def _folded(self) -> None:
        async with open_runtime(self._deployment.settings()) as nerve:
            head = await nerve.log.head()
            await asyncio.gather(*(one.wait_for(head, FOLDED) for one in nerve.readers.values()))

    async def _rebuild(self) -> None:
        began = time.monotonic()
        command = self._deployment.start("api.cli", "views", "rebuild", "--all", "--wait")
        while command.exit_code is None:
            assert time.monotonic() < began + FOLDED, self._deployment.said(command)
            await asyncio.sleep(0.1)
        assert command.exit_code == 0, self._deployment.said(command)
        self._outcome.seconds = time.monotonic() - began

    async def _generations(self, http: httpx.AsyncClient) -> dict[str, int]:
        """Of each view the active generation, where that is not the first."""
        found = {}
        for view in (await _ask(http, STATUS))["viewStatus"]:
            active = [one["number"] for one in view["generations"] if one["state"] == "ACTIVE"]
            if active != [1]:
                found[view["name"]] = active[0]
        return found

    async def _page(self, http: httpx.AsyncClient, before: Mapping[str, Row]) -> None:
        """Pass through the rows again and again, until a whole pass came after the rebuild."""
        last = False
        while not last:
            last = self._over.is_set()
            now = await self._pass(http, len(before), list(before)[-1])
            self._outcome.passes += 1
            old = {task: row for task, row in now.items() if row["title"] != TITLE}
            if old != before:
                changed = [task for task in before.keys() | old.keys() if before.get(task) != old.get(task)]
                self._outcome.wrongs.append(f"{len(changed)} rows are not as before, such as {changed[:3]}")

    async def _pass(self, http: httpx.AsyncClient, rows: int, last: str = "") -> dict[str, Row]:
        """So many rows in their order, or all up to the id `last`."""
        found: dict[str, Row] = {}
        after = None
        while True:
            page = (await _ask(http, PAGES, after=after))["tasks"]
            for row in page["nodes"]:
                if row["id"] in found:
                    self._outcome.wrongs.append(f"a pass has {row['id']} twice")
                if last < row["id"] if last else len(found) == rows:
                    return found
                found[row["id"]] = row
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return found

    async def _write(self, http: httpx.AsyncClient) -> list[str]:
        """Real changes, all the time: tasks that come to be and are cancelled."""
        written = []
        while not self._over.is_set():
            task = (await _ask(http, CREATE, title=TITLE))["createTask"]["receipt"]["stream"]
            await asyncio.sleep(BETWEEN)
            answer = (await _ask(http, CANCEL, id=task))["cancelTask"]
            if answer["task"] != {"status": "CANCELLED"}:
                self._outcome.wrongs.append(f"{task} is {answer['task']} for who has cancelled it")
            written.append(task)
        self._outcome.written = len(written)
        return written

    async def _follow(self, client: Client, told: dict[str, list[str]]) -> None:
        while True:
            message = await client.connection.recv()
            found = _payload(message)
            if found["__typename"] == "TaskChanged":
                told[found["id"]].append(found["task"]["status"])
                self._outcome.told += 1
            elif found["__typename"] not in ("TasksSnapshot", "CaughtUp"):
                self._outcome.wrongs.append(f"the subscriber was told {found}")

    async def _heard(self, told: Mapping[str, list[str]], written: list[str]) -> None:
        """Wait until the subscriber has the end of all that was written."""
        async with asyncio.timeout(PATIENCE):
            while any(told.get(task, [""])[-1] != "CANCELLED" for task in written):
                await asyncio.sleep(0.1)

    def _judge(self, told: Mapping[str, list[str]], written: list[str]) -> None:
        for task, statuses in told.items():
            if task not in written:
                self._outcome.wrongs.append(f"the subscriber was told of {task}, which did not change")
            elif statuses not in (["CREATED", "CANCELLED"], ["CANCELLED"]):
                self._outcome.wrongs.append(f"the subscriber was told of {task}: {statuses}")


def _payload(message: str | bytes) -> dict[str, Any]:
    found = orjson.loads(message)
    assert found["type"] == "next", found
    assert "errors" not in found["payload"], found
    data: dict[str, Any] = found["payload"]["data"]["tasks"]
    return data


@asynccontextmanager
async def _follower(url: str) -> AsyncIterator[Client]:
    address = f"{url.replace('http', 'ws', 1)}/graphql"
    protocol = Subprotocol("graphql-transport-ws")
    async with connect(address, subprotocols=[protocol], compression=None, max_size=None) as connection:
        client = Client(connection)
        await client.send(type="connection_init")
        assert (await client.receive())["type"] == "connection_ack"
        await client.subscribe("1", FOLLOW)
        yield client


def _renamed(copy: int) -> list[LoggedActivity]:
    """The process log with cases, tasks and resources of its own."""
    return [
        replace(
            one,
            case=f"{one.case}-{copy}",
            instance=f"{one.instance}-{copy}",
            resource=f"{one.resource}-{copy}",
        )
        for one in activities()
    ]


async def _ask(http: httpx.AsyncClient, query: str, **variables: Any) -> Any:
    answer = (await http.post("/graphql", json={"query": query, "variables": variables})).json()
    assert "errors" not in answer, answer
    return answer["data"]
