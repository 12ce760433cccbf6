"""Simulates a fleet of agents that work through workflows, so that live pages show changes."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from random import Random

from domain.agents.commands import ChangeAgentState, RegisterAgent, RetireAgent
from domain.agents.events import AgentState
from domain.dispatch import CommandBus
from domain.kernel import Command, Envelope, InvariantViolated
from domain.tasks.commands import CancelTask, CompleteTask, CreateTask, FailTask, StartTask
from domain.tasks.events import Priority
from domain.workflows.commands import CompleteStep, FailWorkflow, FinishWorkflow, StartWorkflow

ROLES = ("researcher", "planner", "writer", "coder", "reviewer", "tester", "translator", "archivist")
STEPS = ("collect sources", "outline", "draft", "check figures", "review", "revise", "publish")
SUBJECTS = ("market report", "release notes", "support answer", "data import", "price list", "handbook")
OUTCOMES = {"done": 90, "failed": 6, "cancelled": 4}
"""Percentage of tasks with each outcome."""

STEPS_EACH = (2, 5)
"""Minimum and maximum number of steps of a workflow."""

LOAD = 0.7
"""Average share of the fleet that is busy; the duration of a task follows from it."""


class FleetSimulation:
    """A simulation of `fleet` agents that end about `rate` tasks per second.

    The commands follow from `seed`; their interleaving depends on the time that each command takes. If a user
    interferes, for example by cancelling a task, the simulation abandons that workflow and continues.
    """

    def __init__(self, bus: CommandBus, *, fleet: int = 8, rate: float = 2.0, seed: int = 1) -> None:
        self._bus = bus
        self._fleet = fleet
        self._rate = rate
        self._seed = seed
        self._work = LOAD * fleet / rate
        self._free: asyncio.Queue[str] = asyncio.Queue()
        self._sent: Counter[str] = Counter()

    async def run(self, duration: float | None = None) -> Mapping[str, int]:
        """Run for `duration` seconds, forever for None; return how often each command was stored.

        At the end, open workflows are completed and the fleet retires. Raises the errors of the bus, except
        InvariantViolated.
        """
        fleet = [await self._register(number) for number in range(self._fleet)]
        try:
            async with asyncio.TaskGroup() as group:
                await self._start_workflows(group, duration)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        for agent in fleet:
            with suppress(InvariantViolated):
                await self._send(RetireAgent(id=agent, reason="the demo is over"))
        return self._sent

    async def _register(self, number: int) -> str:
        role = ROLES[number % len(ROLES)]
        agent = await self._send(RegisterAgent(name=f"{role} {number + 1}", capabilities=[role]))
        self._free.put_nowait(agent)
        return agent

    async def _start_workflows(self, group: asyncio.TaskGroup, duration: float | None) -> None:
        loop = asyncio.get_running_loop()
        end = math.inf if duration is None else loop.time() + duration
        random = Random(self._seed)
        slots = asyncio.Semaphore(2 * self._fleet)
        number = 0
        while loop.time() < end:
            await slots.acquire()
            number += 1
            task = group.create_task(self._run_workflow(number, Random(random.random())))
            task.add_done_callback(lambda _: slots.release())
            pause = random.expovariate(self._rate / (sum(STEPS_EACH) / 2))
            await asyncio.sleep(max(0.0, min(pause, end - loop.time())))

    async def _run_workflow(self, number: int, random: Random) -> None:
        steps = STEPS[: random.randint(*STEPS_EACH)]
        name = f"{random.choice(SUBJECTS)} {number}"
        workflow = await self._send(StartWorkflow(name=name, planned_steps=len(steps)))
        with suppress(InvariantViolated):
            for step in steps:
                outcome = await self._run_task(step, workflow, random)
                if outcome != "done":
                    await self._send(FailWorkflow(id=workflow, error=f"{step}: {outcome}"))
                    return
            await self._send(FinishWorkflow(id=workflow))

    async def _run_task(self, step: str, workflow: str, random: Random) -> str:
        """Let the next free agent do one step; return the outcome."""
        priority, effort = random.choice(list(Priority)), random.uniform(0.5, 1.5)
        (outcome,) = random.choices(tuple(OUTCOMES), tuple(OUTCOMES.values()))
        agent = await self._free.get()
        try:
            task = await self._send(
                CreateTask(title=step, priority=priority, workflow_id=workflow, agent_id=agent)
            )
            await self._send(ChangeAgentState(id=agent, state=AgentState.BUSY))
            await self._send(StartTask(id=task))
            await asyncio.sleep(effort * self._work)
            await self._end_task(task, workflow, step, outcome)
            await self._send(ChangeAgentState(id=agent, state=AgentState.IDLE))
        finally:
            self._free.put_nowait(agent)
        return outcome

    async def _end_task(self, task: str, workflow: str, step: str, outcome: str) -> None:
        match outcome:
            case "done":
                await self._send(CompleteTask(id=task, result={"step": step}))
                await self._send(CompleteStep(id=workflow, name=step, task_id=task))
            case "failed":
                await self._send(FailTask(id=task, error="the source did not answer"))
            case _:
                await self._send(CancelTask(id=task, reason="not needed any more"))

    async def _send(self, command: Command) -> str:
        """Dispatch the command and return the id of its stream."""
        receipt = await self._bus.dispatch(Envelope(command, source="demo"))
        self._sent[type(command).__name__] += 1
        return receipt.stream
