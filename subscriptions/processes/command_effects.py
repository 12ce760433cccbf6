"""Effects that dispatch commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from domain.dispatch import CommandBus
from domain.kernel import Catalog, Command, Envelope, Receipt, Scope
from domain.kernel.errors import (
    CommandIdReused,
    ConcurrencyConflict,
    NerveError,
    Unavailable,
    UnfitValue,
    ValidationFailed,
)
from domain.kernel.limit_errors import Overloaded
from domain.process.events import CommandRequested, CommandSucceeded, CommandWasRefused
from domain.process.inputs import from_json
from domain.process.outcomes import CommandDone, CommandRefused
from domain.process.process import Process, trigger_classes
from subscriptions.feed.background import Backoff
from subscriptions.processes.erased_data import check_personal_data, storable_message
from subscriptions.processes.held_work import HeldWork
from subscriptions.processes.instances import CommandAlreadyStored, Instances
from subscriptions.processes.outcome_recorder import OutcomeRecorder
from subscriptions.processes.ports import ProcessMeter

TRANSIENT = (Unavailable, Overloaded, ConcurrencyConflict)
"""Errors after which a command is sent again."""


class CommandEffects:
    """Dispatches the commands that the instances of a process ask for.

    `reached` returns the position up to which the process has reacted to the log.
    """

    def __init__(
        self,
        process: type[Process[Any, Any]],
        catalog: Catalog,
        bus: CommandBus,
        instances: Instances,
        recorder: OutcomeRecorder,
        reached: Callable[[], int],
        meter: ProcessMeter,
    ) -> None:
        triggers = frozenset(trigger_classes(process))
        self._commands: dict[str, type[Command]] = {}
        self._with_reaction: set[str] = set()
        for context in catalog.contexts:
            self._commands |= {command.__name__: command for command in context.commands}
            if not triggers.isdisjoint(context.events):
                self._with_reaction |= {command.__name__ for command in context.commands}
        self._category = process.category
        self._bus = bus
        self._instances = instances
        self._recorder = recorder
        self._reached = reached
        self._meter = meter

    async def run(self, held: HeldWork, request_id: str, event: CommandRequested) -> None:
        """Dispatch the command under the effect's id until there is an outcome, and record that.

        If the process may react to the command's events, that is awaited first: the reaction records the
        outcome too.
        """
        receipt = held.receipt or await self._stored(held, request_id, event)
        if receipt is None:
            return
        held.receipt = receipt
        if event.command in self._with_reaction and self._reached() < receipt.position:
            held.awaited = receipt.position
            return
        effect = held.work.id
        done = CommandSucceeded(effect=effect, stream=receipt.stream, version=receipt.version)
        outcome = CommandDone(event.name, receipt.stream, receipt.version)
        await self._recorder.record(held, done, outcome)

    async def _stored(self, held: HeldWork, request_id: str, event: CommandRequested) -> Receipt | None:
        """Return the receipt of the command; None if it was refused and that is recorded."""
        work = held.work
        try:
            receipt = await self._dispatch(held, request_id, event)
        except CommandIdReused as error:
            state = await self._instances.state(work.instance, fresh=True)
            if work.id in state.pending:
                await self._refuse(held, event, error, shares_id=False)
            return None
        except NerveError as refusal:
            try:
                await self._refuse(held, event, refusal)
                return None
            except CommandAlreadyStored as stored:
                receipt = stored.receipt
        self._recorder.measure(held, "command")
        return receipt

    async def _dispatch(self, held: HeldWork, request_id: str, event: CommandRequested) -> Receipt:
        work = held.work
        backoff: Backoff | None = None
        envelope = Envelope(
            self._command(event),
            Scope(work.instance.tenant, authentication="process"),
            command_id=work.id,
            correlation=work.correlation,
            causation=request_id,
        )
        while True:
            try:
                return await self._bus.dispatch(envelope)
            except TRANSIENT as error:
                self._meter.retry(self._category, "command")
                backoff = backoff or Backoff()
                await asyncio.sleep(backoff.pause(error))

    def _command(self, event: CommandRequested) -> Command:
        check_personal_data(event)
        kind = self._commands.get(event.command)
        if kind is None:
            raise ValidationFailed(f"no registered context has a command {event.command}")
        try:
            return from_json(kind, event.input)
        except (UnfitValue, ValidationError) as error:
            raise ValidationFailed(f"the stored input does not fit {event.command}: {error}") from None

    async def _refuse(
        self, held: HeldWork, event: CommandRequested, refusal: NerveError, *, shares_id: bool = True
    ) -> None:
        """Record a refusal under the command's id, so that no attempt under way can still succeed.

        Raises CommandAlreadyStored if one has succeeded.
        """
        code, message = refusal.code, storable_message(event, refusal)
        refused = CommandWasRefused(effect=held.work.id, code=code, message=message)
        outcome = CommandRefused(event.name, code, message)
        await self._recorder.record(held, refused, outcome, shares_id=shares_id)
        self._recorder.measure(held, "command", code)
