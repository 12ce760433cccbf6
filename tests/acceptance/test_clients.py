"""Clients from outside follow live streams over connections that break, and miss and repeat nothing (I10)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.acceptance.clients.followers import Clients, Follower, GqlClients, Message, NpmClients
from tests.acceptance.clients.programs import node_with_clients
from tests.acceptance.clients.proxy import CuttingProxy
from tests.helpers.served_api import Served, serve

STATUSES = ["CREATED", "ASSIGNED", "STARTED", "COMPLETED"]
NPM = ["graphql-ws", "urql", "urql-fetch", "apollo", "apollo-multipart", "graphql-sse", "graphql-sse-single"]
TASKS_BETWEEN_CUTS = 8
Interruption = AbstractAsyncContextManager[Any]

TASK = "fragment T on Task { __typename id title status priority agentId durationSeconds }"
FOLLOW_EVENTS = """
subscription ($after: Position) {
  events(after: $after) { __typename ... on Message { position } ... on Event { id stream } }
}"""
FOLLOW_TASKS = f"""
subscription ($after: Position) {{
  tasks(after: $after, first: 200) {{
    __typename
    ... on Message {{ position }}
    ... on TasksSnapshot {{ tasks {{ ...T }} }}
    ... on TaskChanged {{ kind rowId task {{ ...T }} }}
  }}
}}
{TASK}"""
CREATE_TASK = """
mutation ($title: String!) {
  createTask(input: {title: $title}, await: PROJECTED) { receipt { stream } }
}"""
READ_EVENTS = """
query ($after: Position) {
  events(after: $after, first: 200) { nodes { id } pageInfo { hasNextPage endCursor } }
}"""
READ_TASKS = f"""
query ($after: String) {{
  tasks(after: $after, first: 200) {{ nodes {{ ...T }} pageInfo {{ hasNextPage endCursor }} }}
}}
{TASK}"""


class Api:
    """Mutations and queries over HTTP."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, document: str, **variables: Any) -> Any:
        answer = (await self._http.post("/graphql", json={"query": document, "variables": variables})).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def do(self, mutation: str, wait: str = "STORED", **fields: Any) -> str:
        """Run a mutation by its name; returns the id of what it changed."""
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        call = f"{mutation}(input: $input, await: $await) {{ receipt {{ stream }} }}"
        document = f"mutation ($input: {kind}!, $await: Await!) {{ {call} }}"
        data = await self.ask(document, input=fields, **{"await": wait})
        stream: str = data[mutation]["receipt"]["stream"]
        return stream

    async def all_of(self, document: str, after: str | None = None) -> list[Message]:
        """The rows of every page."""
        rows: list[Message] = []
        while True:
            [page] = (await self.ask(document, after=after)).values()
            rows += page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return rows
            after = page["pageInfo"]["endCursor"]

    async def work(self, agent: str, tasks: int) -> None:
        """Take as many tasks from created to completed, all at once."""

        async def one(number: int) -> None:
            task = await self.do("createTask", title=f"number {number}")
            await self.do("assignTask", id=task, agentId=agent)
            await self.do("startTask", id=task)
            await self.do("completeTask", id=task)

        async with asyncio.TaskGroup() as group:
            for number in range(tasks):
                group.create_task(one(number))


@pytest.fixture(scope="module")
def first(nerve_settings: dict[str, Any]) -> Iterator[Served]:
    """An API with a worker."""
    with serve(**nerve_settings) as served:
        yield served


@pytest.fixture
async def api(first: Served) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{first.port}", timeout=120) as http:
        yield Api(http)


@pytest.fixture
def other(nerve_settings: dict[str, Any]) -> Iterator[Served]:
    """A second API of the same nerve."""
    with serve(worker=False, **nerve_settings) as served:
        yield served


@pytest.fixture
async def proxy(first: Served, other: Served) -> AsyncIterator[CuttingProxy]:
    """In front of the first API, to be turned to the other."""
    async with CuttingProxy(first.port).running() as running:
        yield running


@pytest.fixture(params=["gql", pytest.param("npm", marks=pytest.mark.node)])
def open_clients(request: pytest.FixtureRequest) -> Callable[[str], Clients]:
    """Opens the clients that follow: the Python package gql, or packages of npm, all at once."""
    documents = [FOLLOW_EVENTS, FOLLOW_TASKS]
    if request.param == "gql":
        return lambda url: GqlClients(url, documents)
    node_with_clients()
    return lambda url: NpmClients(url, documents, NPM)


async def test_i10_clients_miss_and_repeat_nothing_over_lost_connections(
    open_clients: Callable[[str], Clients], api: Api, proxy: CuttingProxy, other: Served
) -> None:
    """Each subscribes to events and to a view, runs mutations, is cut off and resumes, also elsewhere."""
    interruptions = (proxy.cut_off(), _moved(proxy, other.port), _stopped(proxy, proxy.target, other))
    async with open_clients(f"http://127.0.0.1:{proxy.port}/graphql") as clients:
        await clients.until(partial(_has_caught_up, 1))
        await _mutate_with_each(clients)
        last = await _work_while(interruptions, api, clients)
        await _mutate_with_each(clients)
        await clients.until(lambda told: last in _fold(told.told["tasks"]))
        stored = await api.all_of(READ_EVENTS)
        await clients.until(lambda told: stored[-1]["id"] in _events(told))
    rows = {task["id"]: task for task in await api.all_of(READ_TASKS)}
    for follower in clients.followers.values():
        _check_events(follower, [event["id"] for event in stored])
        _check_tasks(follower, rows)


def _check_events(follower: Follower, stored: list[str]) -> None:
    """It was told every event since it began to listen, once and in order."""
    told = _events(follower)
    assert told == stored[stored.index(told[0]) :], follower.name
    assert len(told) > 3 * TASKS_BETWEEN_CUTS * len(STATUSES), follower.name


def _check_tasks(follower: Follower, rows: dict[str, Message]) -> None:
    """It holds what the view holds, and no task was told it in a state that it had told before."""
    messages = follower.told["tasks"]
    assert follower.count("tasks", "TasksSnapshot") == 1, follower.name
    assert _fold(messages) == rows, follower.name
    changes = [message for message in messages if message["__typename"] == "TaskChanged"]
    for told in _by_task(changes).values():
        steps = [STATUSES.index(change["task"]["status"]) for change in told]
        assert all(earlier < later for earlier, later in pairwise(steps)), (follower.name, steps, told)


async def _mutate_with_each(clients: Clients) -> None:
    """Each client creates a task, and is told of it by both of its subscriptions."""
    tasks = {}
    for name in clients.followers:
        created = await clients.mutate(name, CREATE_TASK, {"title": f"by {name}"})
        tasks[name] = created["createTask"]["receipt"]["stream"]
    await clients.until(lambda told: tasks[told.name] in _fold(told.told["tasks"]))
    await clients.until(
        lambda told: any(one.get("stream") == tasks[told.name] for one in told.told["events"])
    )


@asynccontextmanager
async def _moved(proxy: CuttingProxy, target: int) -> AsyncIterator[None]:
    """The clients are cut off, and come back to another API."""
    async with proxy.cut_off():
        proxy.target = target
        yield


@asynccontextmanager
async def _stopped(proxy: CuttingProxy, target: int, other: Served) -> AsyncIterator[None]:
    """The other API says that it goes, and the clients come to this one."""
    proxy.target = target
    other.stop()
    yield


async def _work_while(interruptions: Iterable[Interruption], api: Api, clients: Clients) -> str:
    """Change tasks, and more while the clients are interrupted; returns the id of a last, new task."""
    agent = await api.do("registerAgent", name="Worker")
    for number, interruption in enumerate(interruptions):
        seen = {name: len(one.told["events"]) for name, one in clients.followers.items()}
        work = asyncio.create_task(api.work(agent, TASKS_BETWEEN_CUTS))
        await clients.until(partial(_has_more_events, seen))
        async with interruption:
            await work
        await clients.until(partial(_has_caught_up, number + 2))
    await api.work(agent, 1)
    return await api.do("createTask", wait="PROJECTED", title="the last one")


def _has_more_events(seen: dict[str, int], follower: Follower) -> bool:
    return len(follower.told["events"]) >= seen[follower.name] + 5


def _has_caught_up(times: int, follower: Follower) -> bool:
    """Each subscription says it once: so often was it opened."""
    return all(follower.count(field, "CaughtUp") == times for field in ("events", "tasks"))


def _events(follower: Follower) -> list[str]:
    return [message["id"] for message in follower.told["events"] if message["__typename"] == "Event"]


def _fold(messages: list[Message]) -> dict[str, Message]:
    """The rows as a client that keeps them has them after these messages."""
    rows: dict[str, Message] = {}
    for message in messages:
        match message:
            case {"__typename": "TasksSnapshot"}:
                rows = {row["id"]: row for row in message["tasks"]}
            case {"__typename": "TaskChanged", "kind": "REMOVED", "rowId": gone}:
                del rows[gone]
            case {"__typename": "TaskChanged", "task": row}:
                rows[row["id"]] = row
    return rows


def _by_task(changes: list[Message]) -> dict[str, list[Message]]:
    found: dict[str, list[Message]] = {}
    for change in changes:
        found.setdefault(change["rowId"], []).append(change)
    return found
