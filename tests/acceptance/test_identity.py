"""One id, one state: rows of the past and rows of all views have ids that no other row has."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.served_api import Served

TASK = """query ($id: ID!, $asOf: AsOf) {
  task(id: $id, asOf: $asOf) { id status agentId agent { id openTasks tasks { nodes { id status } } } } }"""
NODE = """query ($id: ID!) { node(id: $id) {
  __typename id ... on Task { status } ... on Meter { name count } ... on TaskDay { status tasks }
  ... on StepTime { name steps }
  ... on Agent { openTasks linked: tasks(first: 1) { nodes { id status } } } } }"""


def node(served: Served, id: str) -> Any:
    return served.ask(NODE, id=id)["node"]


@pytest.fixture(scope="module")
def agent(served: Served) -> str:
    stream: str = served.do("registerAgent", name="Ada")["stream"]
    return stream


def assigned_then_completed(served: Served, agent: str) -> tuple[str, str]:
    """A task that was completed, and the position as of which it was assigned."""
    task = served.do("createTask", title="x", agentId=agent)
    done = served.do("completeTask", id=task["stream"])
    served.ask("query ($at: Position) { agents(atLeast: $at) { totalCount } }", at=done["position"])
    return task["stream"], task["position"]


def test_c1_a_row_of_the_past_has_an_id_of_its_own_and_so_have_its_links(served: Served, agent: str) -> None:
    task, position = assigned_then_completed(served, agent)
    now = served.ask(TASK, id=task)["task"]
    then = served.ask(TASK, id=task, asOf={"position": position})["task"]
    assert (now["id"], now["agent"]["id"], now["status"]) == (task, agent, "COMPLETED")
    assert (then["id"], then["status"]) == (f"{task}@{position}", "ASSIGNED")
    assert then["agentId"] == agent
    assert then["agent"]["id"] == f"{agent}@{position}"
    assert {"id": f"{task}@{position}", "status": "ASSIGNED"} in then["agent"]["tasks"]["nodes"]
    assert all(row["id"].endswith(f"@{position}") for row in then["agent"]["tasks"]["nodes"])


def test_c1_each_state_of_a_history_has_an_id_of_its_own(served: Served, agent: str) -> None:
    task, position = assigned_then_completed(served, agent)
    query = "query ($id: ID!, $asOf: AsOf) { taskHistory(id: $id, asOf: $asOf) { nodes { "
    query += "position before { id status } after { id status agent { id openTasks } } } } }"
    created, completed = served.ask(query, id=task)["taskHistory"]["nodes"]
    assert created["after"]["id"] == f"{task}@{position}"
    assert created["after"]["agent"]["id"] == f"{agent}@{position}"
    states = [created["after"], completed["before"], completed["after"], served.ask(TASK, id=task)["task"]]
    by_id: dict[str, set[str]] = {}
    for state in states:
        by_id.setdefault(state["id"], set()).add(state["status"])
    assert all(len(statuses) == 1 for statuses in by_id.values()), by_id
    past = served.ask(query, id=created["after"]["id"])["taskHistory"]["nodes"]
    assert past == [created]


def test_c1_a_past_state_is_read_again_by_its_id(served: Served, agent: str) -> None:
    task, position = assigned_then_completed(served, agent)
    past = f"{task}@{position}"
    then = served.ask(TASK, id=task, asOf={"position": position})["task"]
    assert served.ask(TASK, id=past)["task"] == then
    assert served.ask(TASK, id=past, asOf={"position": position})["task"] == then
    assert node(served, past) == {"__typename": "Task", "id": past, "status": "ASSIGNED"}
    linked = node(served, f"{agent}@{position}")
    assert linked["linked"]["nodes"][0]["id"].endswith(f"@{position}")
    why = "query ($id: ID!) { taskWhy(id: $id, field: STATUS) { value } }"
    assert served.ask(why, id=past)["taskWhy"] == {"value": "ASSIGNED"}
    other = served.do("createTask", title="y")["position"]
    error = served.refused(TASK, id=past, asOf={"position": other})
    assert (error["extensions"]["code"], error["extensions"]["path"]) == ("VALIDATION_FAILED", ["asOf"])


def test_c1_a_moment_gives_the_ids_of_the_position_that_it_stands_for(served: Served, agent: str) -> None:
    """So that a cache shares them, and what other tenants write does not show in them."""
    task, _ = assigned_then_completed(served, agent)
    recorded = "query ($id: ID!) { versions(id: $id) { recordedAt position } }"
    last = served.ask(recorded, id=task)["versions"][-1]
    moment = {"time": last["recordedAt"]}
    then = served.ask(TASK, id=task, asOf=moment)["task"]
    assert (then["id"], then["status"]) == (f"{task}@{last['position']}", "COMPLETED")
    assert served.ask(TASK, id=task, asOf={"position": last["position"]})["task"] == then
    assert served.ask(TASK, id=then["id"])["task"] == then


def test_c1_a_past_list_has_past_ids_and_cursors_that_go_on(served: Served, agent: str) -> None:
    task, position = assigned_then_completed(served, agent)
    query = """query ($asOf: AsOf, $after: String, $filter: TaskFilter) {
      tasks(first: 1, asOf: $asOf, after: $after, filter: $filter) {
        nodes { id status } pageInfo { hasNextPage endCursor } } }"""
    ids: list[str] = []
    after = None
    while True:
        page = served.ask(query, asOf={"position": position}, after=after)["tasks"]
        ids += [row["id"] for row in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert len(ids) == len(set(ids))
    assert f"{task}@{position}" in ids
    assert all(one.endswith(f"@{position}") for one in ids)
    by_key = served.ask(query, asOf={"position": position}, filter={"id": {"eq": task}})["tasks"]
    assert by_key["nodes"] == [{"id": f"{task}@{position}", "status": "ASSIGNED"}]


def test_c1_a_past_state_says_of_which_row_and_point_it_is(served: Served, agent: str) -> None:
    task, position = assigned_then_completed(served, agent)
    query = """query ($id: ID!, $asOf: AsOf) { task(id: $id, asOf: $asOf) {
      _meta { key asOf } agent { _meta { key asOf } } } }"""
    then = served.ask(query, id=task, asOf={"position": position})["task"]
    assert then["_meta"] == {"key": task, "asOf": position}
    assert then["agent"]["_meta"] == {"key": agent, "asOf": position}
    now = served.ask(query, id=task)["task"]
    assert now == {"_meta": {"key": task, "asOf": None}, "agent": {"_meta": {"key": agent, "asOf": None}}}


def test_c1_objects_inside_a_past_row_link_into_the_same_past(served: Served, agent: str) -> None:
    """A step of a workflow as of then led to the agent of now."""
    workflow = served.do("startWorkflow", name="case")["stream"]
    own = served.do("registerAgent", name="Cy")["stream"]
    step = served.do("completeStep", id=workflow, name="check", agentId=own)["position"]
    created = served.do("createTask", title="x", agentId=own)["position"]
    query = """query ($id: ID!, $asOf: AsOf, $at: Position) { workflow(id: $id, asOf: $asOf, atLeast: $at) {
      steps { agentId agent { id openTasks } } } }"""
    then = served.ask(query, id=workflow, asOf={"position": step})["workflow"]["steps"]
    assert then == [{"agentId": own, "agent": {"id": f"{own}@{step}", "openTasks": 0}}]
    now = served.ask(query, id=workflow, at=created)["workflow"]["steps"]
    assert now == [{"agentId": own, "agent": {"id": own, "openTasks": 1}}]


def test_c13_every_view_has_ids_of_its_own_that_node_finds(served: Served) -> None:
    """A meter and a step of one name are two rows; a client that keeps rows by id alone holds both."""
    workflow = served.do("startWorkflow", name="case")["stream"]
    agent = served.do("registerAgent", name="Bob")["stream"]
    task = served.do("createTask", title="x", agentId=agent)["stream"]
    served.do("startTask", id=task)
    served.do("completeTask", id=task)
    served.do("completeStep", id=workflow, name="load", taskId=task)
    first = served.do("reportCount", id="reporter-1", name="load", increments=2)
    second = served.do("reportCount", id="reporter-1", name="load", increments=5)
    lists = "query ($at: Position) { meters(atLeast: $at) { nodes { id name count } } "
    lists += "stepTimes(atLeast: $at) { nodes { id name steps } } "
    lists += "taskDays(atLeast: $at) { nodes { id status tasks } } }"
    answer = served.ask(lists, at=second["position"])
    meter: dict[str, Any] = {"id": "Meter:load", "name": "load", "count": 5.0}
    step: dict[str, Any] = {"id": "StepTime:load", "name": "load", "steps": 1}
    assert meter in answer["meters"]["nodes"]
    assert step in answer["stepTimes"]["nodes"]
    for typename, rows in (
        ("Meter", [meter]),
        ("StepTime", [step]),
        ("TaskDay", answer["taskDays"]["nodes"]),
    ):
        for row in rows:
            assert node(served, row["id"]) == {"__typename": typename, **row}
    query = "query ($id: ID!, $asOf: AsOf) { meter(id: $id, asOf: $asOf) { id name count } }"
    assert served.ask(query, id="Meter:load")["meter"] == served.ask(query, id="load")["meter"] == meter
    past: dict[str, Any] = {"id": f"Meter@{first['position']}:load", "name": "load", "count": 2.0}
    assert served.ask(query, id="load", asOf={"position": first["position"]})["meter"] == past
    assert node(served, past["id"]) == {"__typename": "Meter", **past}
    filtered = "query ($filter: MeterFilter) { meters(filter: $filter) { nodes { id } } }"
    for operand in (
        {"eq": "Meter:load"},
        {"eq": "load"},
        {"in": ["Meter:load", "x"]},
        {"startsWith": "Meter:l"},
    ):
        assert served.ask(filtered, filter={"id": operand})["meters"]["nodes"] == [{"id": "Meter:load"}]


@pytest.mark.parametrize("name", ["Meter:a", "a@b", "Meter@x:a", "task-1", "evt-1", ":", "@", "a:b@c"])
def test_c13_a_row_is_found_by_its_id_whatever_its_key_looks_like(served: Served, name: str) -> None:
    position = served.do("reportCount", id="reporter-odd", name=name, increments=1)["position"]
    query = "query ($filter: MeterFilter, $at: Position) { meters(filter: $filter, atLeast: $at) { nodes { "
    query += "id name count } } }"
    [row] = served.ask(query, filter={"name": {"eq": name}}, at=position)["meters"]["nodes"]
    assert row["id"] == f"Meter:{name}"
    assert node(served, row["id"]) == {"__typename": "Meter", **row}
    assert served.ask("query ($id: ID!) { meter(id: $id) { name } }", id=row["id"])["meter"] == {"name": name}


@pytest.mark.parametrize(
    "id",
    [
        "", "x", "task-none", "task-none@", "task-none@AAAA", "meter-x", "Meter:none", "Meter@AAAA:none",
        "Meter", "Meter@", "Meter:", "Task:task-1", "@", ":", "nobody-1", "evt-none", "evt-",
        "task-1@{position}", "\N{SNOWMAN}",
    ],
)  # fmt: skip
def test_c13_node_of_an_unknown_id_is_null(served: Served, agent: str, id: str) -> None:
    _, position = assigned_then_completed(served, agent)
    assert node(served, id.replace("{position}", position)) is None


EVENT = """__typename id type revision stream category version data time recordedAt firstRecordedAt command
  commandId correlationId causationId actor source position"""


def test_c13_node_reads_any_event_by_its_id(served: Served, agent: str) -> None:
    task, _ = assigned_then_completed(served, agent)
    query = f"query ($id: ID!) {{ events(filter: {{streams: [$id]}}) {{ nodes {{ {EVENT} }} }} }}"
    events = served.ask(query, id=task)["events"]["nodes"]
    assert [event["type"] for event in events][:2] == ["task.created", "task.assigned"]
    by_id = f"query ($id: ID!) {{ node(id: $id) {{ ... on Event {{ {EVENT} }} }} }}"
    assert [served.ask(by_id, id=event["id"])["node"] for event in events] == events
    history = "query ($id: ID!) { taskHistory(id: $id) { nodes { events { id } } } }"
    for change in served.ask(history, id=task)["taskHistory"]["nodes"]:
        for event in change["events"]:
            assert node(served, event["id"]) == {"__typename": "Event", **event}


REFUSED = [
    ("mutation ($id: ID!) { startTask(input: {id: $id}) { receipt { version } } }", ["input", "id"]),
    (
        'mutation ($id: ID!) { createTask(input: {title: "x", agentId: $id}) { receipt { version } } }',
        ["input", "agentId"],
    ),
    (
        "mutation ($id: String!) { eraseSubject(input: {subject: $id}) { receipt { version } } }",
        ["input", "subject"],
    ),
    ("query ($id: ID!) { versions(id: $id) { version } }", ["id"]),
    ("query ($id: ID!) { stateAt(id: $id, version: 1) { version } }", ["id"]),
    ("query ($id: ID!) { diff(id: $id, from: 0, to: 1) { path } }", ["id"]),
    ("query ($id: ID!) { events(filter: {streams: [$id]}) { nodes { id } } }", ["filter", "streams", 0]),
    ("query ($id: ID!) { tasks(filter: {id: {eq: $id}}) { nodes { id } } }", ["filter", "id", "eq"]),
    (
        "query ($id: ID!) { tasks(filter: {not: {agentId: {in: [$id]}}}) { nodes { id } } }",
        ["filter", "not", "agentId", "in", 0],
    ),
    (
        "query ($id: ID!) { agents { nodes { tasks(filter: {or: [{id: {eq: $id}}]}) { nodes { id } } } } }",
        ["filter", "or", 0, "id", "eq"],
    ),
]


@pytest.mark.parametrize(("query", "path"), REFUSED)
def test_c1_the_id_of_a_past_state_is_refused_where_only_the_row_can_be_meant(
    served: Served, agent: str, query: str, path: list[Any]
) -> None:
    task, position = assigned_then_completed(served, agent)
    before = served.stored()
    error = served.run(query, id=f"{task}@{position}")["errors"][0]
    assert error["extensions"] == {"code": "VALIDATION_FAILED", "path": path}
    assert (
        error["message"] == f"'{task}@{position}' is the id of a past state of '{task}'; use '{task}' instead"
    )
    assert served.stored() == before


async def test_c1_a_past_state_has_no_live_changes(served: Served, agent: str) -> None:
    task, position = assigned_then_completed(served, agent)
    async with served.client() as client:
        await client.subscribe(
            "1", "subscription ($id: ID!) { task(id: $id) { __typename } }", id=f"{task}@{position}"
        )
        message = await client.receive()
    assert message["type"] == "error"
    assert "past state" in message["payload"][0]["message"]


def test_a_text_that_ends_like_the_id_of_a_past_state_is_stored(served: Served, agent: str) -> None:
    task, position = assigned_then_completed(served, agent)
    copied = served.do("createTask", title=f"see {task}@{position}")["stream"]
    title = served.ask("query ($id: ID!) { task(id: $id) { title } }", id=copied)["task"]["title"]
    assert title == f"see {task}@{position}"
