"""Effects that start instances of other processes, and the ends of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from domain.dispatch.ports import Clock
from domain.kernel import Catalog
from domain.kernel.errors import AlreadyExists, NotFound, UnfitValue, ValidationFailed
from domain.kernel.fields import Json
from domain.process.advance import Advance
from domain.process.context import ProcessContext
from domain.process.events import (
    ChildEnded,
    ChildRequested,
    CommandWasRefused,
    ProcessCompleted,
)
from domain.process.inputs import from_json
from domain.process.instance_state import InstanceState
from domain.process.outcomes import CommandRefused, ProcessEnded, ProcessRequested
from domain.process.reacting import react_to_outcome, react_to_request
from eventstore.log import EventLog
from subscriptions.processes.erased_data import (
    PersonalDataErased,
    check_personal_data,
    storable_message,
)
from subscriptions.processes.held_work import HeldWork
from subscriptions.processes.instances import CommandAlreadyStored, CommitCause, InstanceKey, Instances
from subscriptions.processes.outcome_recorder import OutcomeRecorder

Refusal = NotFound | ValidationFailed | AlreadyExists | PersonalDataErased


class ChildEffects:
    """Starts the instances that the instances of a process ask for.

    The effect stays pending until the child has ended: `report_end` records that.
    """

    def __init__(
        self,
        processes: Mapping[str, ProcessContext],
        catalog: Catalog,
        log: EventLog,
        instances: Instances,
        recorder: OutcomeRecorder,
        clock: Clock,
    ) -> None:
        self._processes = processes
        self._catalog = catalog
        self._log = log
        self._instances = instances
        self._recorder = recorder
        self._clock = clock

    async def run(self, held: HeldWork, request_id: str, event: ChildRequested) -> None:
        """Start the child, if it was not started before."""
        work = held.work
        child = InstanceKey(work.instance.tenant, f"{event.process}-{event.key}")
        try:
            kept = await self._start(held, request_id, event, child)
        except (NotFound, ValidationFailed) as refusal:
            await self._refuse(held, event, refusal)
            return
        except PersonalDataErased as erased:
            try:
                await self._refuse(held, event, erased, shares_id=True)
                return
            except CommandAlreadyStored:
                kept = await self._instances.state(child, fresh=True)
        if (kept.parent, kept.parent_effect) != (work.instance.stream, work.id):
            exists = AlreadyExists(f"{child.stream} exists already and was not started by this effect")
            await self._refuse(held, event, exists)
        elif kept.status.is_final:
            await self.report_end(child, kept, await self._result(child), request_id, work.correlation)

    async def _start(
        self, held: HeldWork, request_id: str, event: ChildRequested, child: InstanceKey
    ) -> InstanceState:
        """Start the child, and return its state. Raises NotFound, ValidationFailed or PersonalDataErased."""
        work = held.work
        check_personal_data(event)
        requested = self._read(work.instance.stream, event)

        def react(instance: Any) -> Advance:
            return react_to_request(instance, requested, work.id, child.stream, self._clock())

        cause = CommitCause(work.id, "StartProcess", work.correlation, request_id)
        return (await self._instances.change(child, react, cause)).after

    async def report_end(
        self, child: InstanceKey, kept: InstanceState, result: Json, causation: str, correlation: str
    ) -> None:
        """Record the end of a child in the stream of its parent; `kept` is the state of the child."""
        if kept.parent is None or kept.parent_effect is None:
            return
        effect, status = kept.parent_effect, kept.status.value
        ended = ChildEnded(effect=effect, status=status, result=result)

        def react(parent: Any) -> Advance:
            pending = parent.kept.pending.get(effect)
            name = pending.name if pending is not None else ""
            outcome = ProcessEnded(name, child.stream, status, result)
            return react_to_outcome(parent, effect, ended, outcome, self._clock())

        parent = InstanceKey(child.tenant, kept.parent)
        if parent.category in self._processes:
            cause = CommitCause(f"{effect}:outcome", "RecordOutcome", correlation, causation)
            await self._instances.change(parent, react, cause)

    def _read(self, parent: str, event: ChildRequested) -> ProcessRequested:
        if event.process not in self._processes:
            raise NotFound(f"there is no process {event.process!r}")
        kind = self._catalog.events.get(event.input_type)
        if kind is None:
            raise NotFound(f"no registered context has the event {event.input_type!r}")
        try:
            return ProcessRequested(parent, from_json(kind, event.input))
        except (UnfitValue, ValidationError) as error:
            raise ValidationFailed(f"the stored input does not fit {event.input_type!r}: {error}") from None

    async def _refuse(
        self, held: HeldWork, event: ChildRequested, refusal: Refusal, *, shares_id: bool = False
    ) -> None:
        code, message = refusal.code, storable_message(event, refusal)
        refused = CommandWasRefused(effect=held.work.id, code=code, message=message)
        outcome = CommandRefused(event.name, code, message)
        await self._recorder.record(held, refused, outcome, shares_id=shares_id)
        self._recorder.measure(held, "child", code)

    async def _result(self, child: InstanceKey) -> Json:
        """Return the result of a child that has ended, None if it has none."""
        version, result = 0, None
        while events := await self._log.stream(
            child.tenant, child.stream, version, self._log.options.stream_page
        ):
            version = events[-1].version
            for event in events:
                if isinstance(event.payload, ProcessCompleted):
                    result = event.payload.result
        return result
