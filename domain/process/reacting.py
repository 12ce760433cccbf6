"""Reactions: from the state of an instance and a trigger to the events of one commit. Pure.

Each function returns an advance without events where the trigger changes nothing, such as when it was
delivered before. What the process's code raises becomes `ProcessStuck`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from domain.kernel.errors import ContextFault
from domain.kernel.event import Event, RecordedEvent
from domain.kernel.types.model_making import model_maker
from domain.kernel.unreadable import describe_unreadable
from domain.process.advance import Advance, advance
from domain.process.events import (
    CallWasRefused,
    CommandSucceeded,
    CommandWasRefused,
    DeadlinePassed,
    ProcessFailed,
    ProcessReacted,
    ProcessStarted,
    ProcessStatus,
    ProcessStuck,
)
from domain.process.instance_state import InstanceState
from domain.process.open_effects import EffectKind
from domain.process.outcomes import (
    CallFailed,
    CallTimedOut,
    CommandDone,
    CommandRefused,
    DeadlineReached,
    Outcome,
    ProcessRequested,
)
from domain.process.process import ProcessFacts, trigger_classes
from domain.process.reaction import process_of, reaction
from domain.process.set_aside import stuck_at
from domain.process.unwinding import next_compensation

FAILURES = (CommandRefused, CallTimedOut, CallFailed)
"""Outcomes that make an instance stuck if its process does not declare them."""

# Their values come from the log, and each step of a process makes both: validation would take twice as long.
_make_reacted = model_maker(ProcessReacted)
_make_succeeded = model_maker(CommandSucceeded)

Settlement = Event
"""The event that records an outcome, such as CommandSucceeded."""


def react_to_event(
    instance: Any, event: RecordedEvent, stream: str, now: datetime, *, late: bool = False
) -> Advance:
    """Return the advance of the instance in `stream` by an event of another stream.

    Events are delivered in the order of the log. With `late` the event was left out before, as a dead letter,
    and is delivered after later ones.

    While the instance is stuck there are no events: the caller keeps the trigger and delivers it after a
    retry or a resume. While the instance compensates, and when it has ended, triggers are ignored.
    """
    kept = instance.kept
    place = (event.position, event.place)
    if kept.status is not ProcessStatus.RUNNING or place in kept.late:
        return Advance((), instance)
    if kept.has_reacted_to(*place) and not late:
        return Advance((), instance)
    start = () if kept.version else (ProcessStarted(instance=stream),)
    if event.payload is None:
        return advance(instance, *start, stuck_at(event, ContextFault(describe_unreadable(event))))
    reacted = (_reacted(event, late=late), *_own_command(kept, event))
    facts = ProcessFacts(now=now, instance=stream, version=kept.version, event=event)
    try:
        begun = advance(instance, *start, *reacted)
        after = reaction(begun.instance, event.payload, facts)
        after = after.then(_after_own_command(kept, event, after.instance, now))
    except ContextFault as fault:
        return advance(instance, *start, stuck_at(event, fault))
    return begun.then(after) if after.events or len(reacted) > 1 else Advance((), instance)


def react_to_request(
    instance: Any, request: ProcessRequested, effect: str, stream: str, now: datetime
) -> Advance:
    """Return the advance by which another process's effect starts the instance; no events if it exists.

    An instance that cannot react to the request has failed: nothing was done yet.
    """
    if instance.kept.version:
        return Advance((), instance)
    begun = advance(instance, ProcessStarted(instance=stream, parent=request.parent, parent_effect=effect))
    if not is_handled(instance, request):
        return begun
    facts = ProcessFacts(now=now, instance=stream, version=0)
    try:
        return begun.then(reaction(begun.instance, request, facts))
    except ContextFault as fault:
        return begun.then(advance(begun.instance, ProcessFailed(reason=str(fault))))


def react_to_deadline(instance: Any, passed: DeadlinePassed, now: datetime) -> Advance:
    """Return the advance after a deadline; no events if it was cancelled, replaced or reached before.

    None while the instance is stuck: the deadline comes when it has gone on.
    """
    kept = instance.kept
    deadline = kept.deadlines.get(passed.name)
    if kept.status is not ProcessStatus.RUNNING or deadline is None or deadline.effect != passed.effect:
        return Advance((), instance)
    return _settle(instance, passed, passed.effect, DeadlineReached(passed.name), now)


def react_to_outcome(
    instance: Any, effect: str, settlement: Settlement, outcome: Outcome, now: datetime
) -> Advance:
    """Return the advance by an effect's outcome; no events if it is settled, or the instance has ended.

    While an instance is stuck, outcomes are recorded, and reacted to when it goes on. A failure that would
    make it stuck is not: its effect is run again then.
    """
    kept = instance.kept
    pending = kept.pending.get(effect)
    if pending is None:
        return Advance((), instance)
    is_undo = pending.compensates is not None
    is_compensating = ProcessStatus.COMPENSATING in (kept.status, kept.resumes_as)
    is_failure = isinstance(outcome, FAILURES)
    if is_failure and (is_undo or not (is_compensating or is_handled(instance, outcome))):
        if kept.status is ProcessStatus.STUCK:
            return Advance((), instance)
        undone = [undo.effect for undo in reversed(kept.undos.values())] if is_undo else []
        return advance(instance, _stuck(effect, pending.name, settlement, undone))
    if kept.status is ProcessStatus.RUNNING:
        return _settle(instance, settlement, effect, outcome, now)
    settled = advance(instance, settlement)
    return settled.then(advance(settled.instance, *next_compensation(settled.instance.kept)))


def is_handled(instance: Any, outcome: Outcome) -> bool:
    """Return whether the process of the instance declares the outcome among its triggers."""
    return isinstance(outcome, trigger_classes(process_of(instance)))


def _reacted(event: RecordedEvent, *, late: bool) -> ProcessReacted:
    return _make_reacted(
        {
            "to": event.type,
            "from_stream": event.stream,
            "from_version": event.version,
            "from_position": event.position,
            "place": event.place,
            "is_late": late,
        }
    )


def _own_command(kept: InstanceState, event: RecordedEvent) -> Sequence[Event]:
    """Return the outcome of an own command if the event is of it, so that it needs no commit of its own."""
    effect = event.commit.command_id
    pending = kept.pending.get(effect)
    if pending is None or pending.kind is not EffectKind.COMMAND:
        return ()
    return (_make_succeeded({"effect": effect, "stream": event.stream, "version": event.version}),)


def _after_own_command(kept: InstanceState, event: RecordedEvent, after: Any, now: datetime) -> Advance:
    """Return the reaction to the outcome of an own command, after the reaction to its event."""
    status: ProcessStatus = after.kept.status
    pending = kept.pending.get(event.commit.command_id)
    if pending is None or pending.kind is not EffectKind.COMMAND:
        return Advance((), after)
    done = CommandDone(pending.name, event.stream, event.version)
    if status is not ProcessStatus.RUNNING or not is_handled(after, done):
        return Advance((), after)
    return reaction(after, done, ProcessFacts(now=now, instance=kept.instance, version=after.kept.version))


def _settle(instance: Any, settlement: Settlement, effect: str, outcome: Outcome, now: datetime) -> Advance:
    """Return the advance by the settlement and what the process does after it."""
    settled = advance(instance, settlement)
    if not is_handled(instance, outcome):
        return settled
    kept = instance.kept
    facts = ProcessFacts(now=now, instance=kept.instance, version=kept.version)
    try:
        return settled.then(reaction(settled.instance, outcome, facts))
    except ContextFault as fault:
        # The settlement comes after: so the outcome is kept until the instance goes on.
        return advance(instance, ProcessStuck(reason=str(fault), code=fault.code, effect=effect), settlement)


def _stuck(effect: str, name: str, settlement: Settlement, undone: Sequence[str]) -> ProcessStuck:
    """Return the event of an instance that cannot go on; `undone` are the effects still to be undone."""
    match settlement:
        case CommandWasRefused(code=code, message=message) | CallWasRefused(code=code, message=message):
            reason = f"{name} was refused: {message}"
        case _:
            code, reason = "TIMED_OUT", f"{name} has timed out"
    if undone:
        reason += f"; not undone yet: {', '.join(undone)}"
    return ProcessStuck(reason=reason, code=code, effect=effect)
