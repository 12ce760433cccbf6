"""A user who looks back: what an entity and a list were, how they came to be, and why."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from api.position_seal import PositionSeal
from eventstore.place import Place
from tests.helpers.served_api import Served, serve

TASK = "query ($id: ID!, $asOf: AsOf) { task(id: $id, asOf: $asOf) { title status agentId } }"
TASKS = "query ($asOf: AsOf, $filter: TaskFilter, $after: String) { tasks(filter: $filter, first: 2, "
TASKS += "after: $after, orderBy: {field: TITLE, direction: DESC}, asOf: $asOf) "
TASKS += "{ totalCount nodes { title status } pageInfo { hasNextPage endCursor } } }"


DATABASE = f"test_{uuid4().hex}"


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    """An API that can keep personal data, and may read few events at once."""
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": DATABASE}
    with serve(master_key=b64encode(bytes(range(32))).decode(), max_past_events=200, **own) as running:
        yield running
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(DATABASE)


@pytest.fixture
def seal(served: Served, mongo_url: str) -> PositionSeal:
    """The seal of this API's log."""
    with MongoClient[dict[str, Any]](mongo_url) as client:
        secret = client[DATABASE]["meta"].find_one({"_id": "secret"})
    assert secret is not None
    return PositionSeal(secret["value"])


def test_a_task_and_the_list_of_tasks_as_they_were(served: Served) -> None:
    agent = served.do("registerAgent", name="Writer")["stream"]
    first = served.do("createTask", title="a", agentId=agent)
    others = [served.do("createTask", title=title) for title in "bc"]
    then = {"position": others[-1]["position"]}
    served.do("completeTask", id=first["stream"])
    served.do("createTask", title="d")

    now = served.ask(TASK, id=first["stream"])["task"]
    assert now == {"title": "a", "status": "COMPLETED", "agentId": agent}
    assert served.ask(TASK, id=first["stream"], asOf=then)["task"] == {**now, "status": "ASSIGNED"}
    assert served.ask(TASK, id=others[-1]["stream"], asOf={"position": first["position"]})["task"] is None

    page = served.ask(TASKS, asOf=then)["tasks"]
    assert page["totalCount"] == 3
    assert [row["title"] for row in page["nodes"]] == ["c", "b"]
    rest = served.ask(TASKS, asOf=then, after=page["pageInfo"]["endCursor"])["tasks"]
    assert rest["nodes"] == [{"title": "a", "status": "ASSIGNED"}]
    assert not rest["pageInfo"]["hasNextPage"]
    open_then = served.ask(TASKS, asOf=then, filter={"status": {"eq": "ASSIGNED"}})["tasks"]
    assert (open_then["totalCount"], len(open_then["nodes"])) == (1, 1)
    assert served.ask(TASKS, filter={"status": {"eq": "ASSIGNED"}})["tasks"]["totalCount"] == 0


def agents_reach(served: Served, receipt: dict[str, Any]) -> None:
    """Wait for the counts of agents: the command has waited for its task alone."""
    served.ask("query ($at: Position) { agents(atLeast: $at) { totalCount } }", at=receipt["position"])


def test_a_view_across_streams_as_it_was_at_a_moment(served: Served) -> None:
    agent = served.do("registerAgent", name="Editor")["stream"]
    task = served.do("createTask", title="e", agentId=agent)["stream"]
    query = "query ($id: ID!, $asOf: AsOf) { agent(id: $id, asOf: $asOf) { openTasks completedTasks } }"
    versions = served.ask("query ($id: ID!) { versions(id: $id) { recordedAt } }", id=task)["versions"]
    agents_reach(served, served.do("completeTask", id=task))
    assert served.ask(query, id=agent)["agent"] == {"openTasks": 0, "completedTasks": 1}
    then = served.ask(query, id=agent, asOf={"time": versions[0]["recordedAt"]})["agent"]
    assert then == {"openTasks": 1, "completedTasks": 0}


@pytest.mark.parametrize(
    ("as_of", "code", "sentence"),
    [
        ({}, "VALIDATION_FAILED", "either position or time"),
        ({"position": None, "time": None}, "VALIDATION_FAILED", "either position or time"),
        (
            {"position": "{here}", "time": "2026-01-01T00:00:00Z"},
            "VALIDATION_FAILED",
            "either position or time",
        ),
        ({"position": "{elsewhere}"}, "VALIDATION_FAILED", "did not issue"),
        ({"position": "{beyond}"}, "NOT_FOUND", "has not come to"),
        ({"time": "1999-01-01T00:00:00Z"}, "NOT_FOUND", "before the log begins"),
        ({"time": "2199-01-01T00:00:00Z"}, "NOT_FOUND", "still to come"),
        ({"time": "2026-01-01T00:00:00"}, "VALIDATION_FAILED", "RFC 3339"),
    ],
)
def test_a_point_that_is_none_of_the_log_is_refused(
    served: Served, seal: PositionSeal, as_of: dict[str, Any], code: str, sentence: str
) -> None:
    """The seal makes what no client has: a position of another tenant, and one that is to come."""
    here = served.do("createTask", "STORED", title="x")["position"]
    made = {
        "{here}": here,
        "{elsewhere}": seal.seal("another", Place(1)),
        "{beyond}": seal.seal("default", Place(1_000_000)),
    }
    point = {name: made.get(value, value) for name, value in as_of.items()}
    for query, rest in ((TASK, {"id": "task-1"}), (TASKS, {})):
        error = served.refused(query, asOf=point, **rest)
        assert error["extensions"]["code"] == code
        assert sentence in error["message"]


def test_the_history_of_a_task_and_why_it_is_as_it_is(served: Served) -> None:
    agent = served.do("registerAgent", name="Writer")["stream"]
    created = served.do("createTask", title="a", agentId=agent)
    task = created["stream"]
    completed = served.do("completeTask", "STORED", id=task, result={"pages": 3})

    query = "query ($id: ID!, $after: Position) { taskHistory(id: $id, first: 1, after: $after) { nodes { "
    query += (
        "position command correlationId changedFields before { status } after { status agentId finishedAt } "
    )
    query += "events { type data } } pageInfo { hasNextPage endCursor } } }"
    page = served.ask(query, id=task)["taskHistory"]
    [first] = page["nodes"]
    assert (first["command"], first["before"], first["position"]) == ("CreateTask", None, created["position"])
    assert first["after"] == {"status": "ASSIGNED", "agentId": agent, "finishedAt": None}
    assert [event["type"] for event in first["events"]] == ["task.created", "task.assigned"]
    assert page["pageInfo"]["hasNextPage"]
    page = served.ask(query, id=task, after=page["pageInfo"]["endCursor"])["taskHistory"]
    [second] = page["nodes"]
    assert (second["before"], second["after"]["status"]) == ({"status": "ASSIGNED"}, "COMPLETED")
    assert second["changedFields"] == ["FINISHED_AT", "RESULT", "STATUS"]
    assert not page["pageInfo"]["hasNextPage"]

    why = "query ($id: ID!, $field: TaskField!, $asOf: AsOf) { taskWhy(id: $id, field: $field, asOf: $asOf) "
    why += "{ value before event { type command position correlationId } causes { type } } }"
    told = served.ask(why, id=task, field="STATUS")["taskWhy"]
    assert (told["value"], told["before"], told["causes"]) == ("COMPLETED", "ASSIGNED", [])
    assert told["event"]["type"] == "task.completed"
    assert told["event"]["correlationId"] == second["correlationId"]
    assert served.ask(why, id=task, field="RESULT")["taskWhy"]["value"] == {"pages": 3}
    finished = served.ask(why, id=task, field="FINISHED_AT")["taskWhy"]
    assert finished["value"] == second["after"]["finishedAt"]
    then = served.ask(why, id=task, field="STATUS", asOf={"position": created["position"]})["taskWhy"]
    assert (then["value"], then["event"]["command"]) == ("ASSIGNED", "CreateTask")
    assert served.ask(why, id="task-none", field="STATUS")["taskWhy"] is None
    assert completed["version"] == 3


def test_why_writes_a_value_as_a_selection_of_it_would_be_written(served: Served) -> None:
    workflow = served.do("startWorkflow", name="case")["stream"]
    served.do("completeStep", id=workflow, name="draft")
    selected = served.ask(
        "query ($id: ID!) { workflow(id: $id) { steps { name taskId agentId completedAt } } }", id=workflow
    )["workflow"]["steps"]
    why = "query ($id: ID!) { workflowWhy(id: $id, field: STEPS) { value before } }"
    assert served.ask(why, id=workflow)["workflowWhy"] == {"value": selected, "before": []}


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ("first: 1, last: 1", "VALIDATION_FAILED", "either first or last"),
        ("first: -1", "VALIDATION_FAILED", "first must be"),
        ('after: "nonsense"', "VALIDATION_FAILED", "did not issue"),
        ('last: 1, before: "nonsense"', "VALIDATION_FAILED", "did not issue"),
        ("asOf: {}", "VALIDATION_FAILED", "either position or time"),
        ('asOf: {time: "1999-01-01T00:00:00Z"}', "NOT_FOUND", "before the log begins"),
    ],
)
def test_a_history_that_cannot_be_is_refused(
    served: Served, arguments: str, code: str, sentence: str
) -> None:
    served.do("createTask", "STORED", title="x")
    error = served.refused(f'{{ taskHistory(id: "task-1", {arguments}) {{ nodes {{ position }} }} }}')
    assert error["extensions"]["code"] == code
    assert sentence in error["message"]


def test_the_past_is_not_searched(served: Served) -> None:
    position = served.do("createTask", "STORED", title="x")["position"]
    query = 'query ($asOf: AsOf) { tasks(search: "x", asOf: $asOf) { totalCount } }'
    error = served.refused(query, asOf={"position": position})
    assert (error["extensions"]["code"], error["extensions"]["path"]) == ("VALIDATION_FAILED", ["search"])


def test_the_erased_are_in_no_history_and_no_reason(served: Served) -> None:
    person = f"person-{uuid4().hex}"
    note = served.do("createDocument", title="Ann", content={"born": 1990}, subjectId=person)["stream"]
    served.do("renameDocument", "STORED", id=note, title="Ann again")
    history = "query ($id: ID!) { documentHistory(id: $id, last: 9) { nodes { before { title content } "
    history += "after { title content } events { data } } } "
    history += "documentWhy(id: $id, field: TITLE) { value before event { data } } }"
    assert "Ann" in str(served.ask(history, id=note))
    served.do("eraseSubject", "STORED", subject=person)
    told = served.ask(history, id=note)
    assert "Ann" not in str(told)
    assert "1990" not in str(told)


def test_what_a_row_of_the_past_links_to_is_of_the_same_past(served: Served) -> None:
    agent = served.do("registerAgent", name="Writer")["stream"]
    tasks = [served.do("createTask", title=title, agentId=agent) for title in "ab"]
    then = {"position": tasks[-1]["position"]}
    for task in tasks:
        agents_reach(served, served.do("completeTask", id=task["stream"]))
    query = "query ($id: ID!, $task: ID!, $asOf: AsOf) { agent(id: $id, asOf: $asOf) { openTasks "
    query += "tasks(filter: {status: {eq: ASSIGNED}}) "
    query += "{ totalCount nodes { title status agent { openTasks } } } } "
    query += "task(id: $task, asOf: $asOf) { agent { openTasks } } }"
    asked = {"id": agent, "task": tasks[0]["stream"]}
    told = served.ask(query, **asked, asOf=then)
    busy = {"openTasks": 2}
    rows = [{"title": title, "status": "ASSIGNED", "agent": busy} for title in "ab"]
    assert told == {"agent": {**busy, "tasks": {"totalCount": 2, "nodes": rows}}, "task": {"agent": busy}}
    now = served.ask(query, **asked)
    assert now["agent"] == {"openTasks": 0, "tasks": {"totalCount": 0, "nodes": []}}

    query = "query ($id: ID!) { taskHistory(id: $id, last: 1) { nodes { before { agent { openTasks } } "
    query += "after { agent { openTasks } } } } }"
    [change] = served.ask(query, id=tasks[0]["stream"])["taskHistory"]["nodes"]
    assert change == {"before": {"agent": {"openTasks": 2}}, "after": {"agent": {"openTasks": 1}}}


def test_a_past_that_takes_too_many_events_is_refused_with_what_to_do(served: Served) -> None:
    agent = served.do("registerAgent", name="Busy")["stream"]
    position = served.do("createTask", title="f", agentId=agent)["position"]
    for _ in range(120):
        last = served.do("createTask", "STORED", title="g", agentId=agent)
    query = "query ($id: ID!, $asOf: AsOf) { agent(id: $id, asOf: $asOf) { openTasks } }"
    served.do("retireAgent", id=agent)
    error = served.refused(query, id=agent, asOf={"position": last["position"]})
    assert error["extensions"]["code"] == "TOO_COMPLEX"
    assert "max_past_events" in error["message"]
    assert served.ask(query, id=agent, asOf={"position": position})["agent"] == {"openTasks": 1}
