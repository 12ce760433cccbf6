"""Agents, workflows and tasks that belong together, served by an API whose answers are bounded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pymongo import MongoClient
from pymongo.database import Database

from tests.helpers.served_api import Served, serve

MAX_ROWS = 60

LINKED = tuple(f"projections.views.{name}" for name in ("agents", "tasks", "workflows", "task_days"))
"""The modules of the linked views, alone so that a worker prepares the collections of no other view."""


@dataclass(frozen=True)
class Site:
    """An API with agents, workflows and tasks, and its database behind its back."""

    served: Served
    database: Database[dict[str, Any]]
    agents: list[str]
    workflows: list[str]
    tasks: list[str]

    def rows(self, view: str) -> Any:
        return self.database[f"view_{view}_1"]

    @contextmanager
    def asked(self) -> Iterator[list[dict[str, Any]]]:
        """What mongod was asked of rows meanwhile, by its own profiler."""
        found: list[dict[str, Any]] = []
        self.database.command({"profile": 2})
        yield found
        self.database.command({"profile": 0})
        found += [one for one in self.database["system.profile"].find() if _of_rows(one["command"])]
        self.database.drop_collection("system.profile")


def _of_rows(command: dict[str, Any]) -> bool:
    return "aggregate" in command or str(command.get("find")).startswith("view_")


@contextmanager
def open_site(mongo_url: str, redis_url: str) -> Iterator[Site]:
    """Of three agents one has five tasks, one has two, and one none; a workflow has every other task."""
    name = f"test_{uuid4().hex}"
    own: dict[str, Any] = {
        "mongo_url": mongo_url,
        "redis_url": redis_url,
        "database": name,
        "max_rows": MAX_ROWS,
        "contexts": LINKED,
    }
    with MongoClient[dict[str, Any]](mongo_url) as client:
        with serve(**own) as served:
            yield _fill(served, client[name])
        # The worker, which ends with the API, would make the database anew.
        client.drop_database(name)


def _fill(served: Served, database: Database[dict[str, Any]]) -> Site:
    agents = [served.do("registerAgent", name=agent)["stream"] for agent in ("Ada", "Bob", "Cy")]
    workflows = [served.do("startWorkflow", name=case)["stream"] for case in ("First", "Second")]
    tasks = []
    for number in range(7):
        workflow = workflows[0] if number % 2 else None
        given = {"title": f"Task {number}", "priority": "HIGH" if number < 3 else "LOW"}
        tasks.append(served.do("createTask", **given, workflowId=workflow)["stream"])
        served.do("assignTask", id=tasks[-1], agentId=agents[0 if number < 5 else 1])
    served.do("startTask", id=tasks[1])
    served.do("completeTask", id=tasks[1])
    served.do("completeStep", id=workflows[0], name="Check", taskId=tasks[1])
    return Site(served, database, agents, workflows, tasks)
