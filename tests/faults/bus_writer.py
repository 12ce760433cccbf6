"""A process that sends commands of all shipped contexts through the bus, and notes each receipt.

``python -m tests.faults.bus_writer SEED JOURNAL``, with the settings in the environment. A command without an
outcome is sent again under its id, for as long as it takes.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

from api.fleet.simulation import FleetSimulation
from api.ids import new_id, now
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import load_settings
from domain.builtin.subjects.commands import EraseSubject
from domain.dispatch import CommandBus, Middleware
from domain.dispatch.bus import Handler
from domain.dispatch.middleware import check_envelope, correlate
from domain.documents.commands import ArchiveDocument, CreateDocument, RenameDocument, RestoreDocument
from domain.kernel import Command, Envelope, Receipt, Scope
from domain.kernel.errors import ConcurrencyConflict, Unavailable
from domain.kernel.limit_errors import Overloaded
from domain.meters.commands import ReportCount, ReportLabels, ReportReading
from eventstore.aggregates.repository import AggregateRepository
from tests.faults.journal import Journal

AGAIN = 0.1
"""Seconds before a command without an outcome is sent again."""

PAUSE = 0.05
"""Seconds between two commands of a caller, on average."""

TENANTS = ("default", "other")
METERS = ("tokens", "requests", "cost")


def insisting(journal: Journal) -> Middleware:
    """Sends a command until somebody says what became of it; notes the receipt."""

    async def layer(envelope: Envelope, following: Handler) -> Receipt:
        known = replace(envelope, command_id=envelope.command_id or new_id("cmd"))
        while True:
            try:
                receipt = await following(known)
            except (Unavailable, Overloaded):
                await asyncio.sleep(AGAIN)
            else:
                journal.note("stored", receipt.command_id, receipt.stream, receipt.version, receipt.position)
                return receipt

    return layer


def own_bus(nerve: Runtime, journal: Journal) -> CommandBus:
    """A bus over the log of `nerve`."""
    middleware = (insisting(journal), correlate, check_envelope)
    aggregates, conditions = AggregateRepository(nerve.log), nerve.conditions
    return CommandBus(nerve.catalog, nerve.log, aggregates, now, new_id, middleware, conditions=conditions)


class Editor:
    """Writes documents, some of them about people who are erased later, and reports to meters."""

    def __init__(self, bus: CommandBus, seed: int) -> None:
        self._bus = bus
        self._seed = seed
        self._chance = Random(seed)
        self._numbers = count(1)

    async def work(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write())
            group.create_task(self._report())

    async def _write(self) -> None:
        while True:
            scope, number = Scope(self._chance.choice(TENANTS)), next(self._numbers)
            person = f"person-{self._seed}-{number}" if self._chance.random() < 0.3 else None
            title = f"Minutes {number}"
            document = await self._send(
                scope, CreateDocument(title=title, content={"number": number}, subject_id=person)
            )
            for edit in range(self._chance.randrange(5)):
                await self._send(scope, RenameDocument(id=document, title=f"{title}, {edit}"))
            if self._chance.random() < 0.2:
                await self._send(scope, ArchiveDocument(id=document))
                await self._send(scope, RestoreDocument(id=document, version=1))
            if person is not None and self._chance.random() < 0.3:
                await self._send(scope, EraseSubject(subject=person))

    async def _report(self) -> None:
        reporter = f"reporter-{self._seed}"
        for number in count(1):
            meter, scope = self._chance.choice(METERS), Scope(self._chance.choice(TENANTS))
            value = self._chance.uniform(0, 100)
            await self._send(scope, ReportCount(id=reporter, name=meter, increments=float(number)))
            await self._send(scope, ReportReading(id=reporter, name=meter, value=value))
            await self._send(scope, ReportLabels(id=reporter, name=meter, labels=[f"label-{number % 50}"]))

    async def _send(self, scope: Scope, command: Command) -> str:
        await asyncio.sleep(self._chance.uniform(0, 2 * PAUSE))
        # A command of two that came to be one may find what it wants to do done.
        with suppress(ConcurrencyConflict):
            return (await self._bus.dispatch(Envelope(command, scope))).stream
        return command.target or ""


async def main(seed: int, journal: Path) -> None:
    """Send commands until SIGTERM."""
    async with open_runtime(load_settings()) as nerve:
        bus = own_bus(nerve, Journal(journal))
        load = asyncio.gather(
            FleetSimulation(bus, fleet=6, rate=5.0, seed=seed).run(), Editor(bus, seed).work()
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, load.cancel)
        with suppress(asyncio.CancelledError):
            await load


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
