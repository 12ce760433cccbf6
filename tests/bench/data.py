"""The rows behind the queries: a log that is written directly, and folded into the views by a worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from api.lifecycle import open_runtime
from api.settings import Settings
from domain import agents, tasks, workflows
from domain.agents.events import AgentRegistered
from domain.dispatch.ports import NewCommit
from domain.kernel import Context, Event
from domain.kernel.event import NewEvent
from domain.tasks.events import Priority, TaskAssigned, TaskCreated
from domain.workflows.events import WorkflowStarted, WorkflowStepCompleted
from eventstore.mongo.driver import open_client
from eventstore.mongo.log_collections import LogCollections
from tests.bench.log_filler import LogFiller
from tests.bench.machine import Machine

DATABASE = "rows"
"""All benchmarks of a run read the same rows, and none changes them."""

WORKFLOWS = 20_000
"""More than a contender gets requests for in all its turns, so that each can ask for another row."""

WITH_TASKS = 2_000
"""The first workflows, which have a task for each step."""

STEPS = 6
PLANNED_STEPS = 8
AGENTS = 48
PATIENCE = 60.0
FOLD_PATIENCE = 600.0
START = datetime(2026, 1, 5, 8, 0, 0, 250_000, UTC)
"""With milliseconds, so that every contender has them to write."""


def settings(machine: Machine, database: str) -> Settings:
    """Settings for a nerve inside this process, on the machine's servers."""
    return Settings(
        mongo_url=SecretStr(machine.mongo_url), redis_url=SecretStr(machine.redis_url), database=database
    )


def workflow_id(number: int) -> str:
    return f"workflow-{number:05}"


async def prepare_rows(machine: Machine) -> str:
    """Return the name of the database with the rows, which is filled once in a run."""
    async with open_client(machine.mongo_url) as client:
        log = LogCollections.of(client[DATABASE]).log
        if await log.find_one({}) is not None:
            return DATABASE
        await LogFiller(log).fill(_commits())
    async with open_runtime(settings(machine, DATABASE), worker=True) as nerve:
        head = await nerve.log.head()
        for view in ("agents", "tasks", "workflows"):
            await nerve.readers[view].wait_for(head, FOLD_PATIENCE)
    return DATABASE


def _commits() -> Iterator[NewCommit]:
    for number in range(AGENTS):
        registered = AgentRegistered(name=f"Agent {number}", capabilities=[])
        yield from _stream(agents.context, _agent_id(number), [registered], START)
    for number in range(WORKFLOWS):
        yield from _workflow(number)


def _workflow(number: int) -> Iterator[NewCommit]:
    """Yield the commits of a workflow and of its tasks."""
    workflow, at = workflow_id(number), START + timedelta(minutes=number)
    started = WorkflowStarted(name=f"Invoice {number}", started_at=at, planned_steps=PLANNED_STEPS)
    steps = [
        WorkflowStepCompleted(
            name=f"Check {place} of the invoice",
            number=place,
            task_id=f"task-{number:05}-{place}",
            agent_id=_agent_id((number + place) % AGENTS),
        )
        for place in range(1, STEPS + 1)
    ]
    yield from _stream(workflows.context, workflow, [started, *steps], at)
    for step in steps if number < WITH_TASKS else ():
        assert step.task_id is not None
        assert step.agent_id is not None
        created = TaskCreated(
            title=step.name, description="", priority=Priority.NORMAL, tags=[], workflow_id=workflow
        )
        assigned = TaskAssigned(agent_id=step.agent_id, workflow_id=workflow)
        yield from _stream(tasks.context, step.task_id, [created, assigned], at)


def _agent_id(number: int) -> str:
    return f"agent-{number:02}"


def _stream(context: Context, stream: str, events: Sequence[Event], begun: datetime) -> Iterator[NewCommit]:
    """Yield a commit of one event for each event, one every minute and a half."""
    for version, event in enumerate(events):
        at, command_id = begun + version * timedelta(seconds=90), f"{stream}.{version}"
        yield NewCommit(
            tenant="default",
            stream=stream,
            category=context.category,
            expected=version,
            events=(NewEvent(f"{command_id}.0", event),),
            command_id=command_id,
            command="Import",
            correlation=command_id,
            causation=None,
            actor=None,
            source=None,
            at=at,
            occurred=None,
        )
