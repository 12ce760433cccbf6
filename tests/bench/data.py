"""The data behind the queries: made by commands, and folded into the views by the worker itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from domain.agents.commands import RegisterAgent
from domain.kernel import Command, Envelope
from domain.workflows.commands import CompleteStep, StartWorkflow
from tests.bench.machine import Machine

WORKFLOWS = 1_000
AGENT = "agent-bench"
PATIENCE = 60.0
START = datetime(2026, 1, 5, 8, 0, 0, 250_000, UTC)
"""With milliseconds, so that every contender has them to write."""


def settings(machine: Machine, database: str) -> Settings:
    """Settings for a nerve inside this process, on the machine's servers."""
    return Settings(
        mongo_url=SecretStr(machine.mongo_url), redis_url=SecretStr(machine.redis_url), database=database
    )


def workflow_id(number: int) -> str:
    return f"workflow-{number:05}"


async def fill(machine: Machine, database: str) -> None:
    """A thousand workflows, each with one step, in the log and in the view."""
    async with open_runtime(settings(machine, database), worker=True) as nerve:
        await _dispatch(nerve, RegisterAgent(id=AGENT, name="Ada"), START)
        await asyncio.gather(*(_workflow(nerve, number) for number in range(WORKFLOWS)))
        await nerve.readers["workflows"].wait_for(await nerve.log.head(), PATIENCE)


async def _workflow(nerve: Runtime, number: int) -> None:
    workflow, at = workflow_id(number), START + timedelta(minutes=number)
    await _dispatch(nerve, StartWorkflow(id=workflow, name=f"Invoice {number}", planned_steps=4), at)
    step = CompleteStep(id=workflow, name="Check the amounts", agent_id=AGENT)
    await _dispatch(nerve, step, at + timedelta(seconds=90))


async def _dispatch(nerve: Runtime, command: Command, at: datetime) -> None:
    await nerve.bus.dispatch(Envelope(command, occurred=at))
