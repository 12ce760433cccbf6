"""A process that changes tasks, agents and documents for those who follow them live.

``python -m tests.faults.live.writer PAUSE JOURNAL``, with the settings in the environment. `CALLERS` send
commands, each `PAUSE` seconds after its last one on average, until SIGTERM; each receipt is noted.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from random import Random

from api.lifecycle import open_runtime
from api.settings import load_settings
from domain.agents.commands import RegisterAgent
from domain.dispatch import CommandBus
from domain.documents.commands import (
    ArchiveDocument,
    CreateDocument,
    PatchDocument,
    RenameDocument,
    RestoreDocument,
)
from domain.kernel import Command, Envelope, Receipt, Scope
from domain.tasks.commands import CancelTask, CompleteTask, CreateTask, FailTask, StartTask
from domain.tasks.events import Priority
from tests.faults.journal import Journal

CALLERS = 16

AGENTS = [f"agent-{number}" for number in range(12)]
DOCUMENTS = [f"document-{number}" for number in range(30)]
"""Those that are there from the beginning, and change all the time."""

CORRELATIONS = [f"request-{number}" for number in range(20)]
TAGS = [f"tag-{number}" for number in range(8)]
TITLES = ("Draft", "Minutes", "Report", "Plan")

OTHER = Scope("other")
"""Nobody listens in this tenant, and nobody may hear of it."""


async def furnish(bus: CommandBus) -> None:
    """Make what is there from the beginning, in both tenants."""
    for scope in (Scope(), OTHER):
        for agent in AGENTS:
            await bus.dispatch(Envelope(RegisterAgent(id=agent, name=f"The {agent}"), scope))
        for document in DOCUMENTS:
            made = CreateDocument(id=document, title=f"Plan {document}", content={}, tags=["hot"])
            await bus.dispatch(Envelope(made, scope))


class Writer:
    """Callers that carry out plays of a few commands each, until they are to `stop`."""

    def __init__(self, bus: CommandBus, journal: Journal, pause: float) -> None:
        self._bus = bus
        self._journal = journal
        self._pause = pause
        self._stopped = False
        self._numbers = count(1)

    def stop(self) -> None:
        """Send nothing more."""
        self._stopped = True

    async def work(self) -> None:
        async with asyncio.TaskGroup() as group:
            for seed in range(CALLERS):
                group.create_task(self._call(Random(seed), DOCUMENTS[seed::CALLERS]))

    async def _call(self, chance: Random, own: list[str]) -> None:
        """One caller; nobody else changes its `own` documents, so that none of its commands is refused."""
        while not self._stopped:
            scope = OTHER if chance.random() < 0.1 else Scope()
            number = next(self._numbers)
            play = _task(chance, number) if chance.random() < 0.6 else _document(chance, number, own)
            for command in play:
                await asyncio.sleep(chance.uniform(0, 2 * self._pause))
                if self._stopped:
                    return
                correlation = chance.choice(CORRELATIONS) if chance.random() < 0.5 else None
                await self._send(Envelope(command, scope, correlation=correlation))

    async def _send(self, envelope: Envelope) -> Receipt:
        receipt = await self._bus.dispatch(envelope)
        self._journal.note("stored", receipt.command_id, receipt.stream, receipt.version, receipt.position)
        return receipt


def _task(chance: Random, number: int) -> Iterator[Command]:
    """A task from its beginning to its end, or to where it is left."""
    key, agent = f"task-{number}", chance.choice(AGENTS)
    yield CreateTask(
        id=key,
        title=f"{chance.choice(TITLES)} {number}",
        priority=chance.choice(list(Priority)),
        agent_id=agent,
    )
    yield StartTask(id=key)
    end = chance.choice(["done", "done", "done", "failed", "cancelled", "left"])
    if end == "done":
        yield CompleteTask(id=key, result={"number": number})
    elif end == "failed":
        yield FailTask(id=key, error="the source did not answer")
    elif end == "cancelled":
        yield CancelTask(id=key)


def _document(chance: Random, number: int, own: list[str]) -> Iterator[Command]:
    """A document of its own, or one of those that change all the time."""
    lasting = chance.random() < 0.3
    if lasting:
        key = chance.choice(own)
    else:
        key = f"document-n{number}"
        tags = chance.sample(TAGS, chance.randrange(3))
        yield CreateDocument(id=key, title=f"{chance.choice(TITLES)} {number}", content={}, tags=tags)
    for edit in range(chance.randrange(4)):
        if chance.random() < 0.5:
            yield PatchDocument(id=key, patch={f"edit-{edit}": number})
        else:
            yield RenameDocument(id=key, title=f"{chance.choice(TITLES)} {number}, {edit}")
    if not lasting and chance.random() < 0.3:
        # The first version of one that changes all the time is too long ago to go back to.
        yield ArchiveDocument(id=key)
        yield RestoreDocument(id=key, version=1)


async def main(pause: float, journal: Path) -> None:
    """Send commands until SIGTERM."""
    async with open_runtime(load_settings()) as nerve:
        writer = Writer(nerve.bus, Journal(journal), pause)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, writer.stop)
        await writer.work()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), Path(sys.argv[2])))
