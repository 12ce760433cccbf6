"""Team tasks, approvals and declared workflows on real servers, run by a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from api.ids import now
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from domain.agents.commands import RegisterAgent
from domain.approvals.commands import Approve, RequestApproval
from domain.kernel import Command, Envelope
from domain.kernel.errors import InvariantViolated
from domain.process.events import ProcessCompleted
from domain.tasks.commands import CompleteTask
from domain.teamwork.commands import RequestTeamTask
from domain.workflows.commands import CancelWorkflow, StartWorkflow
from domain.workflows.events import PlannedStep
from tests.helpers.row_scopes import ALL_ROWS
from tests.helpers.servers import Servers

AGENTS = 50
PATIENCE = 60.0


def settings(mongo_url: str, redis_url: str, database: str) -> Settings:
    return Settings(mongo_url=mongo_url, redis_url=redis_url, database=database, poll_interval=0.2)


class Worker:
    """A running worker, with its bus and its views."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def send(self, command: Command) -> None:
        await self.runtime.bus.dispatch(Envelope(command))

    async def row(self, view: str, id: str) -> Any:
        return await self.runtime.readers[view].get(ALL_ROWS, id)

    async def until(self, view: str, id: str, **values: Any) -> Any:
        """Wait until a row has these values."""

        async def is_there() -> bool:
            row = await self.row(view, id)
            return row is not None and all(row[name] == value for name, value in values.items())

        await until(is_there)
        return await self.row(view, id)

    async def request(self, agents: int, **fields: Any) -> list[str]:
        """Request a team task of so many new agents, and return the ids of their tasks when they exist."""
        names = [f"agent-{number}" for number in range(agents)]
        await asyncio.gather(*(self.send(RegisterAgent(id=name, name=name)) for name in names))
        await self.send(RequestTeamTask(id="teamtask-1", title="Vote", agent_ids=names, **fields))
        tasks = [f"task-team.1.{number}" for number in range(agents)]
        for task in tasks:
            await self.until("tasks", task, status="ASSIGNED")
        return tasks


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def working(values: Settings) -> AsyncIterator[Worker]:
    async with open_runtime(values, worker=True) as runtime:
        yield Worker(runtime)


async def test_fifty_agents_that_report_at_the_same_time_complete_a_team_task_once(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """All results are there, and the process has one end."""
    async with working(settings(mongo_url, redis_url, database)) as worker:
        tasks = await worker.request(AGENTS)
        await asyncio.gather(*(worker.send(CompleteTask(id=task, result=task)) for task in tasks))
        row = await worker.until("team_tasks", "teamtask-1", status="COMPLETED")
        events = await worker.runtime.log.stream("default", "teamwork-1")
    assert row["progress"] == 1.0
    assert sorted(report["result"] for report in row["reports"]) == sorted(tasks)
    ends = [event.payload for event in events if isinstance(event.payload, ProcessCompleted)]
    assert len(ends) == 1


async def test_an_approval_that_waits_over_a_restart_of_everything_goes_on(
    servers: Servers, database: str
) -> None:
    """mongod, Redis and the worker are stopped and started while the process waits for a person."""
    mongod, redis = servers.mongod(), servers.redis()
    values = settings(mongod.url, redis.url, database)
    async with working(values) as worker:
        tasks = await worker.request(2, review_time=timedelta(days=3))
        for task in tasks:
            await worker.send(CompleteTask(id=task))
        await worker.until("approvals", "approval-team.1", status="PENDING")
    for server in (mongod, redis):
        server.kill()
        server.start()
    async with working(values) as worker:
        await worker.send(Approve(id="approval-team.1", comment="Good."))
        row = await worker.until("team_tasks", "teamtask-1", status="COMPLETED")
        with pytest.raises(InvariantViolated, match=r"^approval-team\.1 is APPROVED already"):
            await worker.send(Approve(id="approval-team.1"))
    assert row["approval_id"] == "approval-team.1"


async def test_an_approval_that_nobody_answers_gets_its_default_at_the_deadline(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """By the process that waits for the deadline."""
    async with working(settings(mongo_url, redis_url, database)) as worker:
        due = now() + timedelta(seconds=1)
        request = RequestApproval(id="approval-1", question="Deploy?", due=due, default_option="Approve")
        await worker.send(request)
        row = await worker.until("approvals", "approval-1", status="APPROVED")
        with pytest.raises(InvariantViolated, match=r"^approval-1 is APPROVED already"):
            await worker.send(Approve(id="approval-1"))
    assert row["is_default"]
    assert row["decided_at"] >= due


async def test_declared_steps_are_run_in_parallel_and_cancelled_as_a_whole(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Two of three steps are open at once; the end of the workflow cancels what has not ended."""
    async with working(settings(mongo_url, redis_url, database)) as worker:
        await worker.send(RegisterAgent(id="agent-0", name="Ann"))
        steps = [
            PlannedStep(name="build", agent_id="agent-0"),
            PlannedStep(name="docs", agent_id="agent-0"),
            PlannedStep(name="deploy", agent_id="agent-0", depends_on=["build", "docs"]),
        ]
        await worker.send(StartWorkflow(id="workflow-1", name="release", steps=steps))
        for number in (0, 1):
            await worker.until("tasks", f"task-step.1.{number}.1", status="ASSIGNED")
        for number in (0, 1):
            await worker.send(CompleteTask(id=f"task-step.1.{number}.1"))
        await worker.until("tasks", "task-step.1.2.1", status="ASSIGNED")
        await worker.send(CancelWorkflow(id="workflow-1", reason="too late"))
        await worker.until("tasks", "task-step.1.2.1", status="CANCELLED")
        row = await worker.until("workflows", "workflow-1", status="CANCELLED")
    assert [step["status"] for step in row["plan"]] == ["COMPLETED", "COMPLETED", "RUNNING"]
    assert row["progress"] == pytest.approx(2 / 3)
