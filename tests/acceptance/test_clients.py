"""Clients from outside follow live streams over connections that break, and miss and repeat nothing (I10)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.acceptance.clients.followers import Follower, GqlFollower, GraphqlWsFollower, Message
from tests.acceptance.clients.programs import node_with_clients
from tests.acceptance.clients.proxy import CuttingProxy

STATUSES = ["CREATED", "ASSIGNED", "STARTED", "COMPLETED"]
CUTS = 3
TASKS_BETWEEN_CUTS = 8

TASK = "fragment T on Task { id title status priority agentId durationSeconds }"
FOLLOW_EVENTS = """
subscription ($after: Position) {
  events(after: $after) { __typename ... on Message { position } ... on Event { id } }
}"""
FOLLOW_TASKS = f"""
subscription ($after: Position) {{
  tasks(after: $after, first: 200) {{
    __typename
    ... on Message {{ position }}
    ... on TasksSnapshot {{ tasks {{ ...T }} }}
    ... on TaskChanged {{ kind id task {{ ...T }} }}
  }}
}}
{TASK}"""
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


@pytest.fixture
async def api(nerve_url: str) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(base_url=nerve_url, timeout=30) as http:
        yield Api(http)


@pytest.fixture
async def proxy(nerve_url: str) -> AsyncIterator[CuttingProxy]:
    async with CuttingProxy(urlsplit(nerve_url).port or 80).running() as running:
        yield running


@pytest.fixture(params=[GqlFollower, pytest.param(GraphqlWsFollower, marks=pytest.mark.node)])
def client(request: pytest.FixtureRequest) -> type[Follower]:
    """The client that follows: the Python package gql, or the npm package graphql-ws."""
    if request.param is GraphqlWsFollower:
        node_with_clients()
    kind: type[Follower] = request.param
    return kind


async def test_i10_events_are_told_once_and_in_order_over_lost_connections(
    client: type[Follower], api: Api, proxy: CuttingProxy
) -> None:
    async with client(_socket(proxy), FOLLOW_EVENTS) as follower:
        await _work_while_cutting(api, proxy, follower)
        start = follower.messages[0]["position"]
        stored = [event["id"] for event in await api.all_of(READ_EVENTS, after=start)]
        await follower.until(lambda told: stored[-1] in _events(told))
    assert follower.messages[0]["__typename"] == "CaughtUp"
    assert _events(follower) == stored
    assert len(stored) > CUTS * TASKS_BETWEEN_CUTS * len(STATUSES)


async def test_i10_a_live_view_is_what_the_view_holds_over_lost_connections(
    client: type[Follower], api: Api, proxy: CuttingProxy
) -> None:
    async with client(_socket(proxy), FOLLOW_TASKS) as follower:
        last = await _work_while_cutting(api, proxy, follower)
        await follower.until(lambda told: last in _fold(told.messages))
    changes = [message for message in follower.messages if message["__typename"] == "TaskChanged"]
    assert [message["__typename"] for message in follower.messages].count("TasksSnapshot") == 1
    assert _fold(follower.messages) == {task["id"]: task for task in await api.all_of(READ_TASKS)}
    for told in _by_task(changes).values():
        steps = [STATUSES.index(change["task"]["status"]) for change in told]
        assert all(earlier < later for earlier, later in pairwise(steps)), told


def _has_messages(count: int, told: Follower) -> bool:
    return len(told.messages) >= count


def _has_caught_up(times: int, told: Follower) -> bool:
    return _caught_up(told) == times


async def _work_while_cutting(api: Api, proxy: CuttingProxy, follower: Follower) -> str:
    """Change tasks all the while, cut the follower off in the middle; returns the id of a last, new task."""
    await follower.until(lambda told: _caught_up(told) == 1)
    agent = await api.do("registerAgent", name="Worker")
    for cut in range(CUTS):
        seen = len(follower.messages)
        work = asyncio.create_task(api.work(agent, TASKS_BETWEEN_CUTS))
        await follower.until(partial(_has_messages, seen + 5))
        async with proxy.cut_off():
            await work
        await follower.until(partial(_has_caught_up, cut + 2))
    assert follower.cuts == CUTS
    await api.work(agent, 1)
    return await api.do("createTask", wait="PROJECTED", title="the last one")


def _socket(proxy: CuttingProxy) -> str:
    return f"ws://127.0.0.1:{proxy.port}/graphql"


def _events(follower: Follower) -> list[str]:
    return [message["id"] for message in follower.messages if message["__typename"] == "Event"]


def _caught_up(follower: Follower) -> int:
    return [message["__typename"] for message in follower.messages].count("CaughtUp")


def _fold(messages: list[Message]) -> dict[str, Message]:
    """The rows as a client that keeps them has them after these messages."""
    rows: dict[str, Message] = {}
    for message in messages:
        match message:
            case {"__typename": "TasksSnapshot"}:
                rows = {row["id"]: row for row in message["tasks"]}
            case {"__typename": "TaskChanged", "kind": "REMOVED", "id": gone}:
                del rows[gone]
            case {"__typename": "TaskChanged", "task": row}:
                rows[row["id"]] = row
    return rows


def _by_task(changes: list[Message]) -> dict[str, list[Message]]:
    found: dict[str, list[Message]] = {}
    for change in changes:
        found.setdefault(change["id"], []).append(change)
    return found
