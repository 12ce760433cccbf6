"""Simulates teams of agents and people who review their results, so that processes wait for both."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random

from domain.agents.commands import RegisterAgent, RetireAgent
from domain.approvals.commands import Approve, Reject, RequestApproval
from domain.dispatch import CommandBus
from domain.kernel import Command, Envelope, InvariantViolated, NotFound
from domain.tasks.commands import CompleteTask, FailTask, StartTask
from domain.teamwork.commands import RequestTeamTask

TEAM = ("analyst", "writer", "reviewer", "translator")
TITLES = ("quarterly report", "press release", "security audit", "course material")
QUESTIONS = ("May I publish the draft?", "May I order two more licences?", "May I delete the old export?")

TEAM_SIZE = (2, 3)
"""The minimum and maximum number of agents of a team task."""

FAILS = 0.08
"""The share of an agent's tasks that fail: the remaining tasks of the team are then cancelled."""

REVIEWED = 0.6
"""The share of team tasks whose results a person has to accept."""

ANSWERS = {"approve": 70, "reject": 15, "nothing": 15}
"""Percentage of each answer of a person; after none, the default of the approval applies."""

DUE = timedelta(minutes=2)
"""The time until the deadline of a team task."""

PATIENCE = 15.0
"""Seconds for which agents and people wait for a process to create what they are to work on."""

POLL = 0.2
"""Seconds between two attempts."""


class TeamSimulation:
    """A simulation of about `rate` team tasks per second, and as many questions of single agents.

    An agent works for about `work` seconds on its task, and a person answers after about as long; the time
    to answer is ten times that. The tasks of a team, and the approval of its results, are created by the
    process `multi_agent_tasks`.
    """

    def __init__(self, bus: CommandBus, *, rate: float = 0.2, work: float = 2.0, seed: int = 1) -> None:
        self._bus = bus
        self._rate = rate
        self._work = work
        self._random = Random(seed)
        self._agents: list[str] = []
        self._end = math.inf
        self._sent: Counter[str] = Counter()

    async def run(self, duration: float | None = None) -> Mapping[str, int]:
        """Run for `duration` seconds, forever for None; return how often each command was stored.

        At the end the teams that are at work finish without a pause, and their agents retire.
        """
        if duration is not None:
            self._end = _time() + duration
        async with asyncio.TaskGroup() as group:
            while _time() < self._end:
                if not self._agents:
                    self._agents = [await self._send(RegisterAgent(name=role)) for role in TEAM]
                group.create_task(self._run_team())
                group.create_task(self._ask())
                await self._pause(self._random.expovariate(self._rate))
        for agent in self._agents:
            await self._attempt(RetireAgent(id=agent, reason="the demo is over"))
        return self._sent

    async def _run_team(self) -> None:
        """Request a team task, do its tasks, and review the results."""
        agents = self._random.sample(self._agents, self._random.randint(*TEAM_SIZE))
        is_reviewed = self._random.random() < REVIEWED
        request = RequestTeamTask(
            title=self._random.choice(TITLES),
            agent_ids=agents,
            due=datetime.now(UTC) + DUE,
            review_time=self._time_to_answer() if is_reviewed else None,
            accept_unreviewed=self._random.random() < 0.5,
        )
        team = (await self._send(request)).partition("-")[2]
        done = await asyncio.gather(
            *(self._do(f"task-team.{team}.{number}", request.title) for number in range(len(agents)))
        )
        if is_reviewed and all(done):
            await self._answer(f"approval-team.{team}")

    async def _do(self, task: str, title: str) -> bool:
        """Do the task of one agent. Return False if it is not completed."""
        if not await self._attempt(StartTask(id=task)):
            return False
        await self._pause(self._effort())
        if self._random.random() < FAILS:
            await self._attempt(FailTask(id=task, error="the source did not answer"))
            return False
        return await self._attempt(CompleteTask(id=task, result={"pages": self._random.randint(1, 20)}))

    async def _ask(self) -> None:
        """Let an agent ask a person."""
        agent, question = self._random.choice(self._agents), self._random.choice(QUESTIONS)
        due = datetime.now(UTC) + self._time_to_answer()
        request = RequestApproval(question=question, due=due, requester_id=agent)
        await self._answer(await self._send(request))

    async def _answer(self, approval: str) -> None:
        """Answer as a person does: after a while, or not at all."""
        (answer,) = self._random.choices(tuple(ANSWERS), tuple(ANSWERS.values()))
        await self._pause(self._effort())
        if answer == "approve":
            await self._attempt(Approve(id=approval))
        elif answer == "reject":
            await self._attempt(Reject(id=approval, reason="this is not the right time"))

    def _time_to_answer(self) -> timedelta:
        return timedelta(seconds=10 * self._work)

    def _effort(self) -> float:
        return self._work * self._random.uniform(0.5, 1.5)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, min(seconds, self._end - _time())))

    async def _attempt(self, command: Command) -> bool:
        """Send a command to what may not exist yet. Return False if it is refused, or never exists."""
        give_up = min(self._end, _time() + PATIENCE)
        while True:
            try:
                await self._send(command)
            except InvariantViolated:
                return False
            except NotFound:
                if _time() >= give_up:
                    return False
                await asyncio.sleep(POLL)
            else:
                return True

    async def _send(self, command: Command) -> str:
        """Dispatch the command and return the id of its stream."""
        receipt = await self._bus.dispatch(Envelope(command, source="demo"))
        self._sent[type(command).__name__] += 1
        return receipt.stream


def _time() -> float:
    return asyncio.get_running_loop().time()
