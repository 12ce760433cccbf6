"""Imports of files into a log in memory, decided by the aggregates as the bus does it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from api.fleet.process_logs import PROCESS_LOG_READERS
from api.transfer.command_importer import CommandImporter
from api.transfer.command_reader import command_readers
from api.transfer.import_options import ImportOptions
from api.transfer.import_report import ImportReport
from api.transfer.rows import RefusedRow
from domain.dispatch.deciding import Decider
from domain.dispatch.ports import LoadedState, StoredCommand
from domain.kernel import Aggregate, Envelope, Event, Receipt
from domain.kernel.errors import Unavailable
from domain.testing import NOON
from projections.testing import History
from projections.views import agents, tasks, workflows
from tests.helpers.memory_world import CATALOG

A = TypeVar("A", bound=Aggregate[Any, Any])

READERS = {**PROCESS_LOG_READERS, **command_readers(CATALOG)}


class MemoryBus:
    """A bus whose commands and events stay in memory."""

    def __init__(self) -> None:
        self.history = History()
        self._commands: dict[str, StoredCommand] = {}
        self._states: dict[str, LoadedState[Any]] = {}
        self._remaining: int | None = None
        self._decider = Decider(CATALOG, self, lambda: NOON, lambda category: f"{category}-new")

    async def load(
        self, tenant: str, stream: str, kind: type[A], *, fresh: bool = False, is_probably_new: bool = False
    ) -> LoadedState[A]:
        return self._states.get(stream) or LoadedState(kind(), 0, fresh=True)

    async def events_since(self, tenant: str, stream: str, version: int, limit: int) -> Sequence[Event]:
        raise AssertionError("an import expects no version")

    def remember(self, tenant: str, stream: str, state: Aggregate[Any, Any], version: int) -> None:
        self._states[stream] = LoadedState(state, version, fresh=True)

    async def stored_commands(self, tenant: str, command_ids: Collection[str]) -> Mapping[str, StoredCommand]:
        return {key: self._commands[key] for key in command_ids if key in self._commands}

    def check_same(self, envelope: Envelope, first: StoredCommand) -> None:
        self._decider.check_same(envelope, first)

    def fail_after(self, commands: int | None) -> None:
        """Raise Unavailable for all commands after this many; None for no failure."""
        self._remaining = commands

    async def dispatch(self, envelope: Envelope) -> Receipt:
        if self._remaining is not None:
            if self._remaining == 0:
                raise Unavailable("the process was killed")
            self._remaining -= 1
        target = self._decider.target(envelope)
        if (first := self._commands.get(target.command_id)) is not None:
            self.check_same(envelope, first)
            return replace(first.receipt, replayed=True)
        decision = await self._decider.decide(envelope, target, None, reload=True)
        if decision.refusal is not None:
            raise decision.refusal
        version = decision.after.version
        self.remember(target.tenant, target.stream, decision.after.state, version)
        name = type(envelope.command).__name__
        if decision.events:
            at = envelope.occurred or NOON
            self.history.add(
                target.stream, *decision.events, at=at, command=name, extensions=envelope.extensions
            )
        position = len(self.history.commits)
        correlation = envelope.correlation or target.command_id
        receipt = Receipt(target.command_id, target.stream, version, position, correlation)
        digest = self._decider.digest(envelope)
        self._commands[target.command_id] = StoredCommand(
            name, digest, receipt, envelope.scope.actor, envelope.source
        )
        return receipt


@dataclass
class MemoryImport:
    """A log in memory into which files are imported one after the other."""

    folder: Path
    bus: MemoryBus = field(default_factory=MemoryBus)
    refused: list[RefusedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def run(self, name: str, content: str | bytes, **options: Any) -> ImportReport:
        """Import a file with this content; the rows that were refused are in `refused`."""
        self.refused.clear()
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return asyncio.run(self.importer(**options).run(path))

    def importer(self, **options: Any) -> CommandImporter:
        return CommandImporter(
            self.bus,
            self.bus,
            READERS,
            on_refused=self.refused.append,
            options=ImportOptions(on_note=self.notes.append, **options),
        )

    def counts(self, report: ImportReport) -> dict[str, int]:
        """The number of rows by outcome, without those that no row has; they are as many as were read."""
        assert len(self.refused) == report.refused + report.conflicting
        assert report.total == report.rows
        return {str(outcome): count for outcome, count in report.outcomes.items() if count}

    @property
    def agents(self) -> Mapping[str, Any]:
        return self.bus.history.rows(agents.view)

    @property
    def tasks(self) -> Mapping[str, Any]:
        return self.bus.history.rows(tasks.view)

    @property
    def workflows(self) -> Mapping[str, Any]:
        return self.bus.history.rows(workflows.view)

    def steps(self, case: str) -> list[str]:
        """The names of the completed steps of a workflow, in the order of their times."""
        steps = sorted(self.workflows[case]["steps"], key=lambda step: step["completed_at"])
        return [step["name"] for step in steps]
