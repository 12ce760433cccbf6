"""Rows that belong to other rows: read at once for a level, each owner's page on its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from api.lifecycle import open_runtime
from api.settings import Settings
from tests.helpers.linked_views import Site, open_site
from tests.helpers.served_api import serve
from tests.helpers.servers import eventually


@pytest.fixture(scope="module")
def site(mongo_url: str, redis_url: str) -> Iterator[Site]:
    with open_site(mongo_url, redis_url) as opened:
        yield opened


def test_links_lead_from_row_to_row(site: Site) -> None:
    query = """query ($id: ID!) { workflow(id: $id) {
      name steps { name agent { name } task { title workflow { name } } }
      tasks(orderBy: {field: TITLE}) { nodes { title agent {
        name tasks(first: 1) { nodes { title } }
      } } } } }"""
    ada = {"name": "Ada", "tasks": {"nodes": [{"title": "Task 0"}]}}
    bob = {"name": "Bob", "tasks": {"nodes": [{"title": "Task 5"}]}}
    assert site.served.ask(query, id=site.workflows[0])["workflow"] == {
        "name": "First",
        "steps": [
            {
                "name": "Check",
                "agent": {"name": "Ada"},
                "task": {"title": "Task 1", "workflow": {"name": "First"}},
            }
        ],
        "tasks": {
            "nodes": [
                {"title": "Task 1", "agent": ada},
                {"title": "Task 3", "agent": ada},
                {"title": "Task 5", "agent": bob},
            ]
        },
    }


def test_each_owner_has_its_own_page_order_filter_and_count(site: Site) -> None:
    query = """query ($filter: TaskFilter, $first: Int, $after: String, $way: Direction!) {
      agents(orderBy: {field: NAME}) { nodes {
        tasks(filter: $filter, first: $first, after: $after, orderBy: {field: TITLE, direction: $way}) {
          totalCount nodes { title } edges { cursor node { id } }
          pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        } } } }"""

    def ask(**variables: Any) -> list[Any]:
        return [
            agent["tasks"]
            for agent in site.served.ask(query, **{"way": "DESC", **variables})["agents"]["nodes"]
        ]

    def titles(answer: list[Any]) -> list[list[str]]:
        return [[task["title"][-1] for task in one["nodes"]] for one in answer]

    whole = ask()
    assert titles(whole) == [["4", "3", "2", "1", "0"], ["6", "5"], []]
    assert [one["totalCount"] for one in whole] == [5, 2, 0]
    assert [[edge["node"]["id"] for edge in one["edges"]] for one in whole[1:]] == [site.tasks[:4:-1], []]
    some = ask(first=2)
    assert titles(some) == [["4", "3"], ["6", "5"], []]
    assert [one["pageInfo"]["hasNextPage"] for one in some] == [True, False, False]
    assert [one["totalCount"] for one in some] == [5, 2, 0]
    rest = ask(first=2, after=some[0]["pageInfo"]["endCursor"])
    assert titles(rest) == [["2", "1"], [], []]
    assert [one["pageInfo"]["hasPreviousPage"] for one in rest] == [True, True, False]
    high = ask(filter={"priority": {"eq": "HIGH"}, "title": {"ne": "Task 1"}}, way="ASC")
    assert titles(high) == [["0", "2"], [], []]
    assert [one["totalCount"] for one in high] == [2, 0, 0]


def test_a_level_is_one_query_whatever_its_size(site: Site) -> None:
    query = """{ agents { nodes {
      name tasks(first: 3) { nodes { title workflow { name tasks(first: 1) { totalCount nodes { id } } } } }
      more: tasks(filter: {status: {eq: ASSIGNED}}) { edges { node { workflow { status } } } }
    } } }"""
    with site.asked() as asked:
        site.served.ask(query)
    commands = Counter(next(iter(one["command"])) for one in asked)
    # A count; agents, their tasks twice, their workflows' names and states, and the tasks of a workflow.
    assert commands == {"aggregate": 1, "find": 6}
    with site.asked() as one:
        site.served.ask(
            "{ tasks { nodes { agent { name } again: agent { name } } } agents { nodes { id } } }"
        )
    assert Counter(entry["command"]["find"] for entry in one) == {"view_tasks_1": 1, "view_agents_1": 2}
    batch = next(entry for entry in one if "_id" in entry["command"]["filter"])
    assert len(batch["command"]["filter"]["_id"]["$in"]) == 2
    assert sorted(batch["command"]["projection"]) == ["_id", "id", "name"]


def test_owners_with_more_rows_than_their_pages_are_read_apart(site: Site) -> None:
    """Reading their rows together is not tried again for some time."""
    query = "{ agents(orderBy: {field: NAME}) { nodes { tasks(first: 1, orderBy: {field: TITLE}) { %s } } } }"
    with site.asked() as asked:
        agents = site.served.ask(query % "nodes { title }")["agents"]["nodes"]
        again = site.served.ask(query % "nodes { title id }")["agents"]["nodes"]
    titles = [[task["title"][-1] for task in agent["tasks"]["nodes"]] for agent in agents]
    assert titles == [["0"], ["5"], []]
    assert titles == [[task["title"][-1] for task in agent["tasks"]["nodes"]] for agent in again]
    commands = [name for name, of in (next(iter(one["command"].items())) for one in asked) if "task" in of]
    assert commands in (["find", "aggregate", "aggregate"], ["aggregate", "aggregate"])


def test_an_owner_with_many_rows_costs_its_page(site: Site) -> None:
    """By the index: what is behind a page is not looked at, and a count looks at no row."""
    own = {"_tenant": "default", "_gone": False, "_position": 1, "_place": 0, "_created": 1, "_generation": 1}
    rows = [
        {"_id": f"default/x-{n:04}", "id": f"x-{n:04}", "agent_id": "agent-busy", **own} for n in range(2_000)
    ]
    agent = {"_id": "default/agent-busy", "id": "agent-busy", "name": "Busy", **own}
    site.rows("tasks").insert_many(rows)
    site.rows("agents").insert_one(agent)
    query = '{ agent(id: "agent-busy") { tasks(first: 10) { totalCount nodes { id } } } }'
    with site.asked() as asked:
        tasks = site.served.ask(query)["agent"]["tasks"]
    site.rows("tasks").delete_many({"agent_id": "agent-busy"})
    site.rows("agents").delete_one({"id": "agent-busy"})
    assert (tasks["totalCount"], len(tasks["nodes"])) == (2_000, 10)
    [page] = (one for one in asked if one["command"].get("find") == "view_tasks_1")
    [count] = (one for one in asked if "aggregate" in one["command"])
    assert page["docsExamined"] <= 12
    assert count["docsExamined"] <= 1


def test_what_is_not_there_is_null(site: Site) -> None:
    query = "query ($id: ID!) { task(id: $id) { agentId agent { name } workflow { name } } }"
    one = {"_id": f"default/{site.tasks[0]}"}
    before = site.rows("tasks").find_one(one)
    for dangling in ("agent-unknown", "", None):
        site.rows("tasks").update_one(one, {"$set": {"agent_id": dangling}})
        # A repeated query is not executed, because nerve does not know of this change.
        answer = site.served.ask(f"{query} # {dangling!r}", id=site.tasks[0])["task"]
        assert answer == {"agentId": dangling, "agent": None, "workflow": None}
    site.rows("tasks").replace_one(one, before)
    agent = {"_id": f"default/{site.agents[0]}"}
    site.rows("agents").update_one(agent, {"$set": {"_gone": True}})
    assert site.served.ask(query, id=site.tasks[0])["task"]["agent"] is None
    site.rows("agents").update_one(agent, {"$set": {"_gone": False}})
    assert site.served.ask(query, id=site.tasks[0])["task"]["agent"] == {"name": "Ada"}


def test_no_link_leads_to_another_tenant(site: Site) -> None:
    """Whose rows may have the same ids, and may name this tenant's."""
    agent, task = (
        site.rows(view).find_one({"_id": f"default/{key}"}, {"_id": 0})
        | {"_tenant": "other", "id": f"{key}x"}
        for view, key in (("agents", site.agents[2]), ("tasks", site.tasks[0]))
    )
    mine = {"_id": f"default/{site.tasks[1]}"}
    site.rows("agents").insert_one({**agent, "_id": f"other/{agent['id']}"})
    site.rows("tasks").insert_one({**task, "_id": "other/x", "agent_id": site.agents[2]})
    site.rows("tasks").update_one(mine, {"$set": {"agent_id": agent["id"]}})
    query = """query ($task: ID!, $agent: ID!) { task(id: $task) { agent { name } }
      agent(id: $agent) { tasks { totalCount nodes { id } } } }"""
    answer = site.served.ask(query, task=site.tasks[1], agent=site.agents[2])
    site.rows("tasks").update_one(mine, {"$set": {"agent_id": site.agents[0]}})
    for view in ("agents", "tasks"):
        site.rows(view).delete_many({"_tenant": "other"})
    assert answer == {"task": {"agent": None}, "agent": {"tasks": {"totalCount": 0, "nodes": []}}}


def test_a_mutation_gives_back_linked_rows_that_know_of_it(site: Site) -> None:
    mutation = """mutation ($id: ID!) { registerAgent(input: {name: "Di", id: $id}, await: PROJECTED) {
      agent { name tasks { totalCount } } } }"""
    agent = f"agent-{uuid4().hex}"
    answer = site.served.ask(mutation, id=agent)["registerAgent"]["agent"]
    assert answer == {"name": "Di", "tasks": {"totalCount": 0}}
    task = site.served.do("createTask", title="Of Di")["stream"]
    mutation = """mutation ($id: ID!, $agent: ID!) {
      assignTask(input: {id: $id, agentId: $agent}, await: PROJECTED) {
        task { agent { openTasks tasks { nodes { title } } } }
      } }"""
    answer = site.served.ask(mutation, id=task, agent=agent)["assignTask"]["task"]["agent"]
    assert answer == {"openTasks": 1, "tasks": {"nodes": [{"title": "Of Di"}]}}


async def test_subscriptions_tell_linked_rows_as_they_are_by_then(site: Site) -> None:
    agent = site.served.do("registerAgent", name="Eve")["stream"]

    def assigned(title: str) -> str:
        task: str = site.served.do("createTask", title=title)["stream"]
        site.served.do("assignTask", id=task, agentId=agent)
        return task

    task, row = assigned("Watched"), "task { agent { tasks { totalCount } } }"
    query = f"""subscription ($id: ID!) {{ task(id: $id) {{
      ... on TaskSnapshot {{ {row} }} ... on TaskChanged {{ {row} }} }} }}"""
    async with site.served.client() as client:
        await client.subscribe("1", query, id=task)
        assert await client.next() == {"task": {"agent": {"tasks": {"totalCount": 1}}}}
        assert await client.next() == {}
        for count, change in enumerate(("startTask", "completeTask"), 2):
            assigned("Another")
            site.served.do(change, id=task)
            assert await client.next() == {"task": {"agent": {"tasks": {"totalCount": count}}}}


@pytest.mark.parametrize(
    ("arguments", "path"),
    [("first: -1", ["first"]), ("first: 201", ["first"]), ('after: "x"', ["after"])],
)
def test_a_page_that_cannot_be_is_refused_where_it_is_wrong(
    site: Site, arguments: str, path: list[str]
) -> None:
    query = f"query ($id: ID!) {{ agent(id: $id) {{ name tasks({arguments}) {{ nodes {{ id }} }} }} }}"
    error = site.served.refused(query, id=site.agents[0])
    assert error["extensions"] == {"code": "VALIDATION_FAILED", "path": path}
    assert error["path"] == ["agent", "tasks"]


async def test_at_least_holds_for_the_views_of_links_too(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Here one worker keeps the tasks up to date, and nobody the agents."""
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(worker=False, wait_timeout=0.2, **own) as served:
        agent = served.do("registerAgent", wait="STORED", name="Ada")["stream"]
        task = served.do("createTask", wait="STORED", title="x")["stream"]
        position = served.do("assignTask", wait="STORED", id=task, agentId=agent)["position"]
        alone = Settings(**own, contexts=("projections.views.tasks", "domain.agents", "domain.workflows"))
        async with open_runtime(alone, worker=True) as nerve:
            await nerve.readers["tasks"].wait_for(await nerve.log.head(), 30)
            query = "query ($at: Position!) { tasks(atLeast: $at) { nodes { agentId %s } } }"
            # The API may need longer than it waits to learn of the position of the other process.
            await asyncio.to_thread(eventually, lambda: "errors" not in served.run(query % "", at=position))
            answer = await asyncio.to_thread(served.ask, query % "", at=position)
            assert answer["tasks"] == {"nodes": [{"agentId": agent}]}
            stale = await asyncio.to_thread(served.refused, query % "agent { name }", at=position)
            assert (stale["extensions"]["code"], stale["extensions"]["view"]) == ("STALE_READ", "agents")
