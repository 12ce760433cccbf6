"""What nerve keeps of an instance: status, effects, deadlines. The process keeps its own state. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from domain.kernel.event import Event
from domain.kernel.personal import carried_subjects
from domain.process.copies import changed
from domain.process.effect_ids import effect_id
from domain.process.events import (
    PERSONAL_DATA_ERASED,
    CallRequested,
    CallSucceeded,
    CallWasRefused,
    CallWasTimedOut,
    ChildEnded,
    ChildRequested,
    CommandRequested,
    CommandSucceeded,
    CommandWasRefused,
    CompensationStarted,
    DeadlineCancelled,
    DeadlinePassed,
    DeadlineSet,
    InstanceEvent,
    ProcessCancelled,
    ProcessCompensated,
    ProcessCompleted,
    ProcessFailed,
    ProcessReacted,
    ProcessResumed,
    ProcessRetried,
    ProcessStarted,
    ProcessStatus,
    ProcessStuck,
)
from domain.process.inputs import to_json
from domain.process.open_effects import Deadline, PendingEffect, Undo, UnhandledOutcome, pending_effect

V = TypeVar("V")

_REQUESTS = frozenset[type[Event]]((CommandRequested, CallRequested, ChildRequested))

# A call that has timed out may have been carried out, so it is undone too.
_SUCCESSES = frozenset[type[Event]]((CommandSucceeded, CallSucceeded, CallWasTimedOut, ChildEnded))

Changes = dict[str, Any]
"""Fields of a state that an event changes, with their new values."""


@dataclass(frozen=True)  # Without slots, for `changed`.
class InstanceState:
    """What nerve keeps of an instance.

    `pending` are the effects without an outcome, by id; `deadlines` those that are set, by name. `undos` undo
    the effects that were done, by their ids, oldest first. `position` and `place` are those of the last event
    that the instance reacted to, and `late` those of events before it that were delivered after it.

    While the instance is stuck, `resumes_as` is the status before. `stuck_on` is the effect that failed, or
    whose outcome could not be reacted to; `stuck_at` are position and place of the event that could not be
    reacted to; `outcomes` were recorded meanwhile and are reacted to when the instance goes on.

    `is_personal`: an event of the instance has carried personal data, so states may contain some.
    """

    instance: str = ""
    version: int = 0
    status: ProcessStatus = ProcessStatus.RUNNING
    parent: str | None = None
    parent_effect: str | None = None
    pending: Mapping[str, PendingEffect] = field(default_factory=dict)
    deadlines: Mapping[str, Deadline] = field(default_factory=dict)
    undos: Mapping[str, Undo] = field(default_factory=dict)
    position: int = 0
    place: int = 0
    late: tuple[tuple[int, int], ...] = ()
    resumes_as: ProcessStatus = ProcessStatus.RUNNING
    stuck_on: str | None = None
    stuck_at: tuple[int, int] | None = None
    outcomes: tuple[UnhandledOutcome, ...] = ()
    is_personal: bool = False

    def has_reacted_to(self, position: int, place: int) -> bool:
        """Return whether the instance has reacted to this event, or to a later one."""
        return (position, place) <= (self.position, self.place)

    def effects_of(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the ids of the effects of these names that would be undone."""
        undone = [effect for effect, undo in self.undos.items() if undo.effect in names]
        return (*undone, *(effect for effect, pending in self.pending.items() if pending.name in names))

    def counted(self) -> InstanceState:
        """Return the state after one of the process's own events."""
        return changed(self, version=self.version + 1)

    def after(self, event: InstanceEvent) -> InstanceState:
        """Return the state after an event of nerve's own."""
        changes = self._changes(event)
        if carried_subjects(event):
            changes["is_personal"] = True
        return changed(self, version=self.version + 1, **changes)

    @property
    def next_effect(self) -> str:
        """The id of an effect that the next event asks for."""
        return effect_id(self.instance, self.version + 1)

    def _changes(self, event: InstanceEvent) -> Changes:
        # The most frequent ones by their classes: matching takes several times as long for models.
        kind, payload = type(event), cast(Any, event)
        if kind is ProcessReacted:
            return self._reacted(payload.from_position, payload.place, is_late=payload.is_late)
        if kind in _REQUESTS:
            return {"pending": {**self.pending, self.next_effect: pending_effect(payload)}}
        if kind in _SUCCESSES:
            return self._with_outcome(event, payload.effect) | self._settled(payload.effect, is_done=True)
        return self._rare_changes(event)

    def _rare_changes(self, event: InstanceEvent) -> Changes:
        match event:
            case CommandWasRefused():
                return self._with_outcome(event, event.effect) | self._settled(event.effect, is_done=False)
            case CallWasRefused(code=code):
                may_be_done = code == PERSONAL_DATA_ERASED
                return self._with_outcome(event, event.effect) | self._settled(
                    event.effect, is_done=may_be_done
                )
            case DeadlineSet():
                deadline = Deadline(self.next_effect, event.due)
                return {"deadlines": {**self.deadlines, event.name: deadline}}
            case DeadlineCancelled():
                return {"deadlines": _without(self.deadlines, event.name)}
            case DeadlinePassed():
                deadlines = _without(self.deadlines, event.name)
                return self._with_outcome(event, event.effect, event.name) | {"deadlines": deadlines}
            case ProcessStarted(instance=instance, parent=parent, parent_effect=effect):
                return {"instance": instance, "parent": parent, "parent_effect": effect}
            case _:
                return self._with_status(event)

    def _reacted(self, position: int, place: int, *, is_late: bool) -> Changes:
        if is_late or self.has_reacted_to(position, place):
            return {"late": (*self.late, (position, place))}
        return {"position": position, "place": place}

    def _with_outcome(self, event: Event, effect: str, name: str = "") -> Changes:
        """Keep an outcome that comes while the instance is stuck, if its process may react to it later."""
        pending = self.pending.get(effect)
        is_undo = pending is not None and pending.compensates is not None
        if self.status is not ProcessStatus.STUCK or self.resumes_as is not ProcessStatus.RUNNING or is_undo:
            return {}
        kept = UnhandledOutcome(effect, name, event.type, to_json(event))
        if pending is not None:
            kept = replace(kept, name=pending.name, operation=pending.operation, port=pending.port)
        return {"outcomes": (*self.outcomes, kept)}

    def _settled(self, effect: str, *, is_done: bool) -> Changes:
        settled = self.pending.get(effect)
        if settled is None:
            return {}
        undos = dict(self.undos)
        if is_done and settled.compensates is not None:
            undos.pop(settled.compensates, None)
        elif is_done and settled.compensation is not None:
            undos[effect] = settled.compensation
        return {"pending": _without(self.pending, effect), "undos": undos}

    def _with_status(self, event: InstanceEvent) -> Changes:
        match event:
            case CompensationStarted(without=without):
                pending = {
                    effect: replace(pending, compensation=None) if effect in without else pending
                    for effect, pending in self.pending.items()
                }
                undos = {effect: undo for effect, undo in self.undos.items() if effect not in without}
                status = ProcessStatus.COMPENSATING
                return {"status": status, "deadlines": {}, "pending": pending, "undos": undos}
            case ProcessStuck():
                return self._stuck(event)
            case ProcessRetried():
                return self._retried()
            case ProcessResumed():
                return self._resumed()
            case ProcessCancelled(compensate=True):
                return self._unstuck() | {"status": ProcessStatus.COMPENSATING, "deadlines": {}}
            case ProcessCompleted():
                return self._ended(ProcessStatus.COMPLETED)
            case ProcessFailed():
                return self._ended(ProcessStatus.FAILED)
            case ProcessCompensated():
                return self._ended(ProcessStatus.COMPENSATED)
            case _:
                return self._ended(ProcessStatus.CANCELLED)

    def _stuck(self, event: ProcessStuck) -> Changes:
        at = None if event.from_position is None else (event.from_position, event.place or 0)
        stuck: Changes = {"status": ProcessStatus.STUCK, "stuck_on": event.effect, "stuck_at": at}
        return stuck if self.status is ProcessStatus.STUCK else stuck | {"resumes_as": self.status}

    def _unstuck(self) -> Changes:
        return {"status": self.resumes_as, "stuck_on": None, "stuck_at": None, "outcomes": ()}

    def _retried(self) -> Changes:
        after, effect = self._unstuck(), self.stuck_on
        pending = None if effect is None else self.pending.get(effect)
        if effect is None or pending is None or pending.due is None:
            return after
        return after | {"pending": {**self.pending, effect: replace(pending, due=None)}}

    def _resumed(self) -> Changes:
        after = self._unstuck()
        if self.stuck_at is not None:
            return after | self._reacted(*self.stuck_at, is_late=False)
        return after if self.stuck_on is None else after | self._settled(self.stuck_on, is_done=True)

    def _ended(self, status: ProcessStatus) -> Changes:
        return self._unstuck() | {"status": status, "pending": {}, "deadlines": {}, "undos": {}}


def _without(mapping: Mapping[str, V], key: str) -> Mapping[str, V]:
    return {name: value for name, value in mapping.items() if name != key}
