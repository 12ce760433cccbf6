"""Records the outcomes of effects in the streams of their instances, with the reactions to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from domain.dispatch.ports import Clock
from domain.kernel import Event
from domain.process.advance import Advance
from domain.process.events import DeadlinePassed
from domain.process.outcomes import Outcome
from domain.process.reacting import react_to_deadline, react_to_outcome
from subscriptions.processes.held_work import HeldWork
from subscriptions.processes.instances import CommitCause, InstanceChange, Instances, React
from subscriptions.processes.ports import ProcessMeter


class OutcomeRecorder:
    """Records outcomes; `follow` is called with each change that was stored."""

    def __init__(
        self,
        instances: Instances,
        clock: Clock,
        meter: ProcessMeter,
        follow: Callable[[InstanceChange], None],
    ) -> None:
        self._instances = instances
        self._clock = clock
        self._meter = meter
        self._follow = follow

    async def record(
        self, held: HeldWork, settlement: Event, outcome: Outcome, *, shares_id: bool = False
    ) -> InstanceChange:
        """Record an outcome, and the reaction to it, while the effect is pending.

        With `shares_id` the commit has the effect's id as its command id, so that a command with this id can
        be stored no more. Raises CommandAlreadyStored if one was stored before, Unavailable or Overloaded.
        """
        effect = held.work.id
        command_id = effect if shares_id else f"{effect}:outcome"

        def react(instance: Any) -> Advance:
            return react_to_outcome(instance, effect, settlement, outcome, self._clock())

        return await self._record(held, react, CommitCause(command_id, "RecordOutcome", *_origin(held)))

    async def record_deadline(self, held: HeldWork, name: str) -> InstanceChange:
        """Record that a deadline has come, and the reaction to it, while the deadline is set."""
        passed = DeadlinePassed(effect=held.work.id, name=name)

        def react(instance: Any) -> Advance:
            return react_to_deadline(instance, passed, self._clock())

        cause = CommitCause(f"{held.work.id}:due", "ReachDeadline", *_origin(held))
        return await self._record(held, react, cause)

    async def _record(self, held: HeldWork, react: React, cause: CommitCause) -> InstanceChange:
        change = await self._instances.change(held.work.instance, react, cause, trust_cache=True)
        if change.events:
            self._follow(change)
        return change

    def measure(self, held: HeldWork, kind: str, outcome: str = "done") -> None:
        """Report an outcome to the meter."""
        process = held.work.instance.category
        self._meter.effect(process, kind, outcome, time.monotonic() - held.since)


def _origin(held: HeldWork) -> tuple[str, str | None]:
    """Return the correlation and the causation of a commit about this work."""
    return held.work.correlation, held.request.id if held.request is not None else None
