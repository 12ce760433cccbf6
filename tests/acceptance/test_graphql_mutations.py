"""What the derived mutations do: idempotence, expected versions, waiting for the view."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from pymongo import MongoClient

from tests.helpers.served_api import Served, serve

CREATE = """mutation ($input: CreateTaskInput!, $commandId: ID, $await: Await! = STORED) {
  createTask(input: $input, commandId: $commandId, await: $await) {
    task { id title }
    receipt { commandId stream version position correlationId replayed }
  } }"""


def test_a_mutation_gives_the_receipt_of_what_it_stored(served: Served) -> None:
    before = served.stored()
    receipt = served.ask(CREATE, input={"title": "x"})["createTask"]["receipt"]
    assert (receipt["version"], receipt["replayed"]) == (1, False)
    assert receipt["stream"].startswith("task-")
    assert receipt["commandId"] == receipt["correlationId"]
    assert len(served.stored()) == len(before) + 1


def test_I3_a_command_id_has_effect_once_however_often_it_is_sent(served: Served) -> None:
    before, command_id = served.stored(), uuid4().hex
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: served.ask(CREATE, input={"title": "x"}, commandId=command_id), range(16))
        )
    receipts = [answer["createTask"]["receipt"] for answer in answers]
    assert len({receipt["stream"] for receipt in receipts}) == 1
    assert sum(not receipt["replayed"] for receipt in receipts) == 1
    assert len(served.stored()) == len(before) + 1


def test_a_command_id_that_was_used_for_something_else_is_refused(served: Served) -> None:
    command_id = uuid4().hex
    served.ask(CREATE, input={"title": "x"}, commandId=command_id)
    document = (
        'mutation ($id: ID) { registerAgent(input: {name: "x"}, commandId: $id) { receipt { version } } }'
    )
    error = served.refused(document, id=command_id)
    assert error["extensions"]["code"] == "COMMAND_ID_REUSED"


def test_c3_other_content_under_a_used_command_id_is_refused_with_the_first_position(served: Served) -> None:
    command_id = uuid4().hex
    first = served.ask(CREATE, input={"title": "A"}, commandId=command_id)["createTask"]["receipt"]
    before = served.stored()
    error = served.refused(CREATE, input={"title": "B"}, commandId=command_id)
    assert error["extensions"] == {
        "code": "COMMAND_ID_REUSED",
        "commandId": command_id,
        "stream": first["stream"],
        "position": first["position"],
    }
    again = served.ask(CREATE, input={"title": "A", "description": ""}, commandId=command_id)["createTask"]
    assert again["receipt"] == {**first, "replayed": True}
    assert served.stored() == before


def test_c3_a_command_that_changed_nothing_keeps_its_receipt(served: Served) -> None:
    change = """mutation ($input: ChangeAgentStateInput!, $commandId: ID) {
      changeAgentState(input: $input, commandId: $commandId) {
        receipt { version position replayed changed } } }"""
    agent, command_id = served.do("registerAgent", name="x")["stream"], uuid4().hex
    idle = {"input": {"id": agent, "state": "IDLE"}, "commandId": command_id}
    first = served.ask(change, **idle)["changeAgentState"]["receipt"]
    assert (first["version"], first["replayed"], first["changed"]) == (1, False, False)
    served.do("changeAgentState", id=agent, state="BUSY")
    before = served.stored()
    assert served.ask(change, **idle)["changeAgentState"]["receipt"] == {**first, "replayed": True}
    assert served.stored() == before


def test_the_entity_is_read_after_it_was_projected_and_only_then(served: Served) -> None:
    payload = served.ask(CREATE, input={"title": "x"}, **{"await": "PROJECTED"})["createTask"]
    assert payload["task"] == {"id": payload["receipt"]["stream"], "title": "x"}
    assert served.ask(CREATE, input={"title": "x"}, **{"await": "STORED"})["createTask"]["task"] is None


def test_defaults_are_those_of_the_command(served: Served) -> None:
    task = served.do("createTask", title="x")["stream"]
    query = "query ($id: ID!) { task(id: $id) { description priority tags } }"
    assert served.ask(query, id=task)["task"] == {"description": "", "priority": "NORMAL", "tags": []}


def test_a_command_that_changes_nothing_stores_nothing(served: Served) -> None:
    agent = served.do("registerAgent", name="x")["stream"]
    before = served.stored()
    receipt = served.do("changeAgentState", id=agent, state="IDLE")
    assert receipt["version"] == 1
    assert served.stored() == before


def test_a_whole_task_with_its_counts(served: Served) -> None:
    agent = served.do("registerAgent", name="Ada", capabilities=["sums"])["stream"]
    task = served.do("createTask", title="add", agentId=agent)["stream"]
    served.do("startTask", id=task)
    done = served.do("completeTask", id=task, result={"sum": [1, 2.5, None, "x"], "$ref": "#/a", "a.b": True})
    query = """query ($task: ID!, $agent: ID!, $done: Position) {
      task(id: $task) { status result durationSeconds agentId }
      agent(id: $agent, atLeast: $done) { capabilities openTasks completedTasks } }"""
    data = served.ask(query, task=task, agent=agent, done=done["position"])
    assert data["agent"] == {"capabilities": ["sums"], "openTasks": 0, "completedTasks": 1}
    assert data["task"]["status"] == "COMPLETED"
    assert data["task"]["result"] == {"sum": [1, 2.5, None, "x"], "$ref": "#/a", "a.b": True}


def test_without_a_worker_waiting_ends_with_a_stale_read_and_the_receipt(
    mongo_url: str, redis_url: str
) -> None:
    database = f"test_{uuid4().hex}"
    own = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database, "wait_timeout": 0.3}
    with serve(worker=False, **own) as alone:
        answer = alone.run(CREATE, input={"title": "x"}, **{"await": "PROJECTED"})
        [error] = answer["errors"]
        stale = {"code": "STALE_READ", "view": "tasks", "reason": "NO_WORKER"}
        assert error["extensions"] == stale
        assert "start one with `nerve worker`" in error["message"]
        assert (error["path"], answer["data"]["createTask"]["task"]) == (["createTask", "task"], None)
        receipt = answer["data"]["createTask"]["receipt"]
        refused = alone.refused(
            "query ($at: Position) { tasks(atLeast: $at) { totalCount } }", at=receipt["position"]
        )
        assert refused["extensions"] == stale
        # No view is named after these commands' context: they wait for all that fold its events.
        report = 'mutation { reportCount(input: { id: "reporter-1", name: "calls", increments: 1 }, '
        report += "await: PROJECTED) { receipt { version } } }"
        answer = alone.run(report)
        assert answer["data"]["reportCount"]["receipt"] == {"version": 1}
        [error] = answer["errors"]
        assert (error["path"], error["extensions"]["code"]) == (["reportCount"], "STALE_READ")
        assert error["extensions"]["view"] == "meters"
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)
