"""Caches of clients hold the present and the past apart (C1, C13): of Apollo Client, urql and Relay."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import api
from tests.acceptance.clients.programs import PACKAGE, node_with_clients
from tests.helpers.served_api import Served

pytestmark = pytest.mark.node

CACHES = PACKAGE / "caches"


class Case(NamedTuple):
    """A completed task of an agent, as of which position it was assigned, and another task that is open."""

    agent: str
    task: str
    position: str
    open: str

    @property
    def past(self) -> str:
        return f"{self.task}@{self.position}"


@pytest.fixture
def case(served: Served) -> Case:
    """Also a meter and a step of one name: two rows of one key."""
    agent = served.do("registerAgent", name="Ada")["stream"]
    task = served.do("createTask", title="x", agentId=agent)
    workflow = served.do("startWorkflow", name="case")["stream"]
    served.do("startTask", id=task["stream"])
    served.do("completeTask", id=task["stream"])
    served.do("completeStep", id=workflow, name="load", taskId=task["stream"])
    served.do("reportCount", id="reporter-1", name="load", increments=2)
    end = served.do("createTask", title="y")
    reached = (
        "query ($at: Position) { agents(atLeast: $at) { totalCount } meters(atLeast: $at) { totalCount } "
    )
    reached += "stepTimes(atLeast: $at) { totalCount } taskDays(atLeast: $at) { totalCount } }"
    served.ask(reached, at=end["position"])
    return Case(agent, task["stream"], task["position"], end["stream"])


def run(*arguments: str) -> Any:
    """What a program prints, as JSON; it must not warn of anything."""
    program = [node_with_clients(), *arguments]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert not done.stderr, done.stderr
    assert done.returncode == 0
    return json.loads(done.stdout)


def without_typenames(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_typenames(one) for name, one in value.items() if name != "__typename"}
    return list(map(without_typenames, value)) if isinstance(value, list) else value


@pytest.mark.parametrize("client", ["apollo", "graphcache"])
def test_c1_a_normalised_cache_shows_the_present_after_the_past_was_read(
    served: Served, case: Case, client: str
) -> None:
    url = f"http://127.0.0.1:{served.port}/graphql"
    given = {"task": case.task, "position": case.position, "open": case.open, "past": case.past}
    results = without_typenames(run(str(CACHES / "run.mjs"), client, url, json.dumps(given)))
    now = {"id": case.task, "status": "COMPLETED", "agentId": case.agent, "_meta": {"version": 4}}
    then = {"id": case.past, "status": "ASSIGNED", "agentId": case.agent, "_meta": {"version": 2}}
    assert results["fetched"] == results["now"]
    assert results["now"]["task"] == {**now, "agent": {"id": case.agent, "openTasks": 0}}
    past_agent = {"id": f"{case.agent}@{case.position}", "openTasks": 1}
    assert results["past"]["task"] == {**then, "agent": past_agent}
    states = results["history"]["taskHistory"]["nodes"]
    assert [state["after"]["status"] for state in states] == ["ASSIGNED", "STARTED", "COMPLETED"]
    assert [state["before"] and state["before"]["status"] for state in states] == [
        None,
        "ASSIGNED",
        "STARTED",
    ]
    assert states[0]["after"] == results["past"]["task"]
    meta = {"key": case.task, "asOf": case.position}
    assert results["again"]["node"] == {"id": case.past, "status": "ASSIGNED", "_meta": meta}
    for fetched, cached in (results["versions"], results["rows"]):
        assert fetched == cached
    assert results["open"]["task"]["status"] == "CANCELLED"


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What relay-compiler makes of the documents, with the schema of the repository."""
    node_with_clients()
    project = tmp_path_factory.mktemp("relay")
    shutil.copytree(CACHES / "relay", project / "src")
    shutil.copy(Path(api.__file__).parent / "schema.graphql", project)
    config = {
        "src": "src",
        "schema": "schema.graphql",
        "language": "javascript",
        "artifactDirectory": "made",
        "eagerEsModules": False,
    }
    (project / "made").mkdir()
    (project / "relay.config.json").write_text(json.dumps(config))
    compiler = [node_with_clients(), str(PACKAGE / "node_modules" / "relay-compiler" / "cli.js")]
    done = subprocess.run(compiler, cwd=project, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return project / "made"


def test_c13_relay_compiles_and_keeps_one_record_for_each_state(
    served: Served, case: Case, artifacts: Path
) -> None:
    """It refetches meters, days, steps and events by their ids, and pages through a link and the events."""
    url = f"http://127.0.0.1:{served.port}/graphql"
    own = [served.do("createTask", title=title, agentId=case.agent)["stream"] for title in "bcd"]
    given = {"task": case.task, "agent": case.agent, "position": case.position, "open": case.open}
    results = run(str(CACHES / "relay" / "run.cjs"), str(artifacts), url, json.dumps(given))
    records = results["records"]
    assert records[case.task]["status"] == "COMPLETED"
    assert records[case.past]["status"] == "ASSIGNED"
    assert records[f"{case.agent}@{case.position}"]["openTasks"] == 1
    assert records[case.open]["status"] == "CANCELLED"
    assert (records["Meter:load"]["__typename"], records["Meter:load"]["count"]) == ("Meter", 2)
    assert records["StepTime:load"]["__typename"] == "StepTime"
    assert {record["version"] for record in records.values() if record["__typename"] == "PastState"} == {1, 4}
    # Only the query that refetches an event by its id reads `data`.
    refetched = {record["type"] for record in records.values() if "data" in record}
    assert refetched == {"task.created", "task.assigned", "task.started", "task.completed"}
    assert results["tasks"] == sorted([case.task, *own])
    assert results["events"] == served.stored()[: len(results["events"])]
    assert len(results["events"]) > 5


def test_graphql_codegen_makes_types_that_programs_can_use(tmp_path: Path) -> None:
    node = node_with_clients()
    made = subprocess.run([node, str(CACHES / "codegen.mjs")], capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")
    (tmp_path / "types.ts").write_text(made.stdout)
    shutil.copy(CACHES / "usage.ts", tmp_path)
    compiler = [node, str(PACKAGE / "node_modules" / "typescript" / "bin" / "tsc")]
    options = ["--noEmit", "--strict", "--skipLibCheck", "usage.ts"]
    done = subprocess.run([*compiler, *options], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
