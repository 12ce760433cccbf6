"""Reactions: from the state of an instance and a trigger to the events of one commit. Pure.

Each function returns no events where the trigger changes nothing, such as when it was delivered before. What
the process's code raises becomes `ProcessStuck`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.kernel.context_calls import exception_fault
from domain.kernel.errors import ContextFault, UnfitValue
from domain.kernel.event import Event, RecordedEvent
from domain.kernel.user_exceptions import CALL_FAULTS
from domain.process.effect_events import effect_events
from domain.process.events import (
    CallWasRefused,
    CommandWasRefused,
    DeadlinePassed,
    ProcessReacted,
    ProcessStarted,
    ProcessStatus,
    ProcessStuck,
)
from domain.process.outcomes import (
    CallFailed,
    CallTimedOut,
    CommandRefused,
    DeadlineReached,
    Outcome,
    ProcessRequested,
)
from domain.process.process import Process, ProcessFacts, own_event_classes, trigger_classes
from domain.process.unwinding import next_compensation

FAILURES = (CommandRefused, CallTimedOut, CallFailed)
"""Outcomes that make an instance stuck if its process does not declare them."""

Settlement = Event
"""The event that records an outcome, such as CommandSucceeded."""


def react_to_event(instance: Any, event: RecordedEvent, stream: str, now: datetime) -> Sequence[Event]:
    """Return the events of the instance in `stream` after an event of another stream."""
    kept = instance.kept
    if kept.status is not ProcessStatus.RUNNING or kept.has_reacted_to(event.position, event.place):
        return ()
    facts = ProcessFacts(now=now, instance=stream, version=kept.version, event=event)
    start = () if kept.version else (ProcessStarted(instance=stream),)
    reacted = ProcessReacted(
        to=event.type,
        from_stream=event.stream,
        from_version=event.version,
        from_position=event.position,
        place=event.place,
    )
    try:
        reaction = _reaction(_evolved(instance, start), event.payload, facts, len(start) + 1)
    except ContextFault as fault:
        stuck = ProcessStuck(
            reason=str(fault),
            code=fault.code,
            from_stream=event.stream,
            from_version=event.version,
            from_position=event.position,
            place=event.place,
        )
        return (*start, stuck)
    return (*start, reacted, *reaction) if reaction else ()


def react_to_request(
    instance: Any, request: ProcessRequested, effect: str, stream: str, now: datetime
) -> Sequence[Event]:
    """Return the events with which another process's effect starts the instance; none if it exists."""
    if instance.kept.version:
        return ()
    started = ProcessStarted(instance=stream, parent=request.parent, parent_effect=effect)
    return (started, *_after(instance, (started,), request, stream, now))


def react_to_deadline(instance: Any, passed: DeadlinePassed, now: datetime) -> Sequence[Event]:
    """Return the events after a deadline has come; none if it was cancelled, replaced or reached before."""
    kept = instance.kept
    deadline = kept.deadlines.get(passed.name)
    if kept.status is not ProcessStatus.RUNNING or deadline is None or deadline.effect != passed.effect:
        return ()
    outcome = DeadlineReached(passed.name)
    return (passed, *_after(instance, (passed,), outcome, kept.instance, now))


def react_to_outcome(
    instance: Any, effect: str, settlement: Settlement, outcome: Outcome, now: datetime
) -> Sequence[Event]:
    """Return the events after an effect's outcome; none if it is settled, or the instance is stuck or over.

    While an instance is stuck its effects stay without an outcome, and are run again when it goes on.
    """
    kept = instance.kept
    pending = kept.pending.get(effect)
    if pending is None or kept.status in (ProcessStatus.STUCK, *_FINAL):
        return ()
    is_undo = pending.compensates is not None
    is_handled = isinstance(outcome, trigger_classes(_process_of(instance)))
    if isinstance(outcome, FAILURES) and (
        is_undo or (not is_handled and kept.status is ProcessStatus.RUNNING)
    ):
        return (_stuck(effect, pending.name, settlement),)
    if kept.status is ProcessStatus.COMPENSATING or not is_handled:
        after = _evolved(instance, (settlement,))
        return (settlement, *next_compensation(after.kept))
    return (settlement, *_after(instance, (settlement,), outcome, kept.instance, now))


def react_to_operator(instance: Any) -> Sequence[Event]:
    """Return the events that follow a command of a person, such as the first compensation after a cancel."""
    return tuple(next_compensation(instance.kept))


def _after(
    instance: Any, events: Sequence[Event], outcome: Outcome, stream: str, now: datetime
) -> Sequence[Event]:
    after = _evolved(instance, events)
    if not isinstance(outcome, trigger_classes(_process_of(instance))):
        return ()
    facts = ProcessFacts(now=now, instance=stream, version=after.kept.version)
    try:
        return tuple(_reaction(after, outcome, facts, 0))
    except ContextFault as fault:
        return (ProcessStuck(reason=str(fault), code=fault.code),)


def _reaction(instance: Any, trigger: Any, facts: ProcessFacts, before: int) -> Sequence[Event]:
    """Return the events of the process's reaction; `before` events of the same commit precede them.

    Raises ContextFault for whatever the process's code raises or wrongly returns.
    """
    own = instance.own
    kind = type(own)
    try:
        parts = list(own.react(trigger, facts))
    except CALL_FAULTS as error:
        if isinstance(error, MemoryError | ContextFault):
            raise
        raise exception_fault(f"{kind.__name__}.react", error, f" for {type(trigger).__name__}") from error
    state = replace(instance.kept, instance=facts.instance, version=facts.version + before)
    try:
        return tuple(_events(parts, kind, state, facts))
    except UnfitValue as error:
        raise ContextFault(
            f"{kind.__name__}.react returned a value that cannot be stored ({error})"
        ) from None


def _events(
    parts: Sequence[Any], kind: type[Process[Any, Any]], state: Any, facts: ProcessFacts
) -> Iterator[Event]:
    for part in parts:
        events: Sequence[Event]
        if isinstance(part, Event):
            if type(part) not in own_event_classes(kind):
                raise ContextFault(
                    f"{kind.__name__}.react returned a {type(part).__name__}, which {kind.__name__} does not "
                    f"declare among its own events; add it in `class {kind.__name__}(Process[..., ...])`"
                )
            events = (part.as_stored(),)
        else:
            events = effect_events(part, kind, state, facts.now)
        for event in events:
            yield event
            state = state.after(event) if not isinstance(event, own_event_classes(kind)) else state
            state = replace(state, version=state.version + 1)


def _evolved(instance: Any, events: Sequence[Event]) -> Any:
    for event in events:
        instance = instance.evolve(event)
    return instance


def _process_of(instance: Any) -> type[Process[Any, Any]]:
    process: type[Process[Any, Any]] = type(instance.own)
    return process


def _stuck(effect: str, name: str, settlement: Settlement) -> ProcessStuck:
    match settlement:
        case CommandWasRefused() | CallWasRefused():
            reason = f"{name} was refused: {settlement.message}"
            return ProcessStuck(reason=reason, code=settlement.code, effect=effect)
        case _:
            return ProcessStuck(reason=f"{name} has timed out", code="TIMED_OUT", effect=effect)


_FINAL = tuple(status for status in ProcessStatus if status.is_final)
