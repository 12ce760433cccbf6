"""Live subscriptions: what is there, then each change once and in order, and resuming after a cut (I10)."""

from __future__ import annotations

from typing import Any

from tests.helpers.served_api import Client, Served

EVENTS = """subscription ($filter: EventFilter, $after: Position) { events(filter: $filter, after: $after) {
  __typename ... on Message { position } ... on Event { type stream version } } }"""
TASK = """subscription ($id: ID!, $after: Position) { task(id: $id, after: $after) {
  __typename ... on Message { position }
  ... on TaskSnapshot { task { id status } }
  ... on TaskChanged { kind rowId changedFields task { id status } } } }"""
TASKS = """subscription ($filter: TaskFilter, $first: Int, $after: Position) {
  tasks(filter: $filter, first: $first, after: $after) {
    __typename ... on Message { position }
    ... on TasksSnapshot { tasks { id title } }
    ... on TaskChanged { kind rowId changedFields task { id title status } } } }"""


async def start(client: Client, query: str, /, **variables: Any) -> list[Any]:
    """Subscribe, and take everything up to `CaughtUp`."""
    await client.subscribe("1", query, **variables)
    messages = [await client.next()]
    while messages[-1]["__typename"] != "CaughtUp":
        messages.append(await client.next())
    return messages


async def test_events_come_once_and_in_order_as_they_happen(served: Served) -> None:
    async with served.client() as client:
        await start(client, EVENTS)
        agent = served.do("registerAgent", name="Ada")["stream"]
        task = served.do("createTask", title="x", agentId=agent)["stream"]
        served.do("startTask", id=task)
        seen = [await client.next() for _ in range(4)]
    assert [(event["type"], event["stream"], event["version"]) for event in seen] == [
        ("agent.registered", agent, 1),
        ("task.created", task, 1),
        ("task.assigned", task, 2),
        ("task.started", task, 3),
    ]
    assert len({event["position"] for event in seen}) == 4


async def test_every_clause_of_an_event_filter_counts_live(served: Served) -> None:
    wanted = {"types": ["task.created", "task.cancelled"], "categories": ["task"]}
    async with served.client() as client:
        await start(client, EVENTS, filter=wanted)
        served.do("registerAgent", name="not wanted")
        task = served.do("createTask", title="x")["stream"]
        served.do("cancelTask", id=task)
        assert [(await client.next())["type"] for _ in range(2)] == ["task.created", "task.cancelled"]
        await client.send(type="complete", id="1")
        await start(client, EVENTS, filter={"streams": [task], "types": ["task.created"]})
        other = served.do("createTask", title="x")["stream"]
        await client.send(type="complete", id="1")
        assert await start(client, EVENTS, filter={"streams": [other], "since": "2100-01-01T00:00:00Z"})


async def test_I10_a_resumed_event_subscriber_gets_what_it_missed_once(served: Served) -> None:
    """Also when it was cut off between two events of one command, which have one position in the log."""
    async with served.client() as client:
        [caught_up] = await start(client, EVENTS)
    agent = served.do("registerAgent", name="Ada")["stream"]
    task = served.do("createTask", title="x", agentId=agent)["stream"]
    expected = ["agent.registered", "task.created", "task.assigned"]
    after = caught_up["position"]
    for missed in range(3):
        async with served.client() as client:
            *events, _ = await start(client, EVENTS, after=after)
        assert [event["type"] for event in events] == expected[missed:]
        after = events[0]["position"]
    async with served.client() as client:
        assert len(await start(client, EVENTS, after=after)) == 1
        served.do("startTask", id=task)
        assert (await client.next())["type"] == "task.started"


async def test_a_live_row_is_told_as_it_is_and_then_with_each_change(served: Served) -> None:
    task = served.do("createTask", title="x")["stream"]
    async with served.client() as client:
        snapshot, _ = await start(client, TASK, id=task)
        assert (snapshot["__typename"], snapshot["task"]) == (
            "TaskSnapshot",
            {"id": task, "status": "CREATED"},
        )
        served.do("createTask", title="another")
        served.do("cancelTask", id=task)
        change = await client.next()
    assert (change["kind"], change["task"]) == ("UPDATED", {"id": task, "status": "CANCELLED"})
    assert {"status", "finishedAt"} <= set(change["changedFields"])


async def test_a_live_row_may_be_awaited_before_it_exists(served: Served) -> None:
    async with served.client() as client:
        snapshot, _ = await start(client, TASK, id="task-to-come")
        assert snapshot["task"] is None
        served.do("createTask", id="task-to-come", title="x")
        change = await client.next()
    assert (change["kind"], change["rowId"]) == ("ADDED", "task-to-come")


async def test_a_live_list_tells_what_comes_changes_and_leaves(served: Served) -> None:
    wanted = {"title": {"startsWith": "live"}, "status": {"ne": "CANCELLED"}}
    first = served.do("createTask", title="live 1")["stream"]
    async with served.client() as client:
        snapshot, _ = await start(client, TASKS, filter=wanted, first=10)
        assert snapshot["tasks"] == [{"id": first, "title": "live 1"}]
        served.do("createTask", title="not wanted")
        second = served.do("createTask", title="live 2")["stream"]
        served.do("cancelTask", id=first)
        changes = [await client.next() for _ in range(2)]
    assert [(change["kind"], change["rowId"]) for change in changes] == [
        ("ADDED", second),
        ("REMOVED", first),
    ]


async def test_c4_a_live_list_has_all_rows_or_says_that_there_are_more(served: Served) -> None:
    """Of 25 rows it had 20, and no sign of the others."""
    tasks = [served.do("createTask", title="many")["stream"] for _ in range(25)]
    query = """subscription ($first: Int) { tasks(filter: {title: {eq: "many"}}, first: $first) {
      __typename ... on TasksSnapshot { hasMore tasks { id } } ... on TaskChanged { kind rowId } } }"""
    for first, expected in ((None, 25), (25, 25), (26, 25), (24, 24), (20, 20), (0, 0)):
        async with served.client() as client:
            snapshot, _ = await start(client, query, first=first)
            assert [row["id"] for row in snapshot["tasks"]] == tasks[::-1][:expected]
            assert snapshot["hasMore"] == (expected < 25)
    async with served.client() as client:
        await start(client, query, first=20)
        served.do("cancelTask", id=tasks[0])
        assert await client.next() == {"__typename": "TaskChanged", "kind": "ADDED", "rowId": tasks[0]}


async def test_I10_a_resumed_live_list_is_told_once_of_each_row_that_changed(served: Served) -> None:
    agent = served.do("registerAgent", name="Ada")["stream"]
    kept, changed = (served.do("createTask", title="resumed")["stream"] for _ in range(2))
    wanted = {"title": {"eq": "resumed"}}
    async with served.client() as client:
        *_, caught_up = await start(client, TASKS, filter=wanted)
    served.do("assignTask", id=changed, agentId=agent)
    served.do("startTask", id=changed)
    added = served.do("createTask", title="resumed")["stream"]
    async with served.client() as client:
        *changes, _ = await start(client, TASKS, filter=wanted, after=caught_up["position"])
        received = {change["rowId"]: (change["kind"], change["task"]["status"]) for change in changes}
        assert len(changes) == 2
        assert received == {changed: ("UPDATED", "STARTED"), added: ("ADDED", "CREATED")}
        served.do("cancelTask", id=kept)
        assert (await client.next())["rowId"] == kept


LATEST = TASKS.replace("after: $after)", "after: $after, latestOnly: true)")


async def test_sockets_that_ask_for_the_same_are_told_the_same_bytes(served: Served) -> None:
    """Also one that is told last states alone, as long as it is not slow, and one that comes back."""
    wanted = {"title": {"eq": "shared"}}
    async with served.client() as one, served.client() as other, served.client() as latest:
        first, second = await start(one, TASKS, filter=wanted), await start(other, TASKS, filter=wanted)
        assert first[0]["tasks"] == second[0]["tasks"] == []
        await start(latest, LATEST, filter=wanted)
        task = served.do("createTask", title="shared")["stream"]
        received = [await client.next() for client in (one, other, latest)]
    assert received[0] == received[1] == received[2]
    assert (received[0]["kind"], received[0]["rowId"]) == ("ADDED", task)
    async with served.client() as back:
        *changes, _ = await start(back, TASKS, filter=wanted, after=second[-1]["position"])
        assert [(change["kind"], change["rowId"]) for change in changes] == [("ADDED", task)]
