"""One call of a process's `react`: its own events and its effects become events of the instance. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from inspect import iscoroutine
from itertools import islice
from typing import Any, get_args

from pydantic import ValidationError

from domain.kernel.code_locations import definition_location
from domain.kernel.context_calls import MAX_EVENTS, exception_fault
from domain.kernel.errors import ContextFault, DeclarationError, UnfitValue
from domain.kernel.event import Event
from domain.kernel.faults import describe_misfit
from domain.kernel.fields import Unstorable
from domain.kernel.state_checks import evolve_checked
from domain.kernel.user_exceptions import CALL_FAULTS
from domain.process.advance import Advance
from domain.process.copies import changed
from domain.process.effect_events import effect_events
from domain.process.effects import Compensate, Complete, Effect, Fail
from domain.process.instance_state import InstanceState
from domain.process.process import Process, ProcessFacts, own_event_classes

FINAL_EFFECTS = (Complete, Fail, Compensate)
"""Effects after which a process reacts to nothing any more."""

_EFFECTS = frozenset(get_args(Effect))

_PARTS = (Event, str, Mapping, *_EFFECTS)
"""What `react` may return by mistake in place of a list of parts, and can be iterated or is a part."""

MAX_INSTANCE_EVENTS = 100_000
"""Events after which an instance is stuck: a process that goes round in a circle must not fill the log."""


def reaction(instance: Any, trigger: Any, facts: ProcessFacts) -> Advance:
    """Return the events of a reaction in the state of `instance`, and the instance after them.

    Raises ContextFault for whatever the process's `react` and `evolve` raise or wrongly return.
    """
    called = f"{process_of(instance).__name__}.react"
    if facts.version >= MAX_INSTANCE_EVENTS:
        raise ContextFault(
            f"{facts.instance} has {facts.version} events, the most of an instance: it may react to its own "
            f"effects without end; cancel it, and correct {called}"
        )
    try:
        return _advance(instance, _parts(called, instance.own, trigger, facts), facts)
    except (UnfitValue, Unstorable, DeclarationError) as error:
        raise ContextFault(f"{called} returned a value that cannot be stored ({error})") from None
    except ValidationError as error:
        raise ContextFault(
            f"{called} returned a value that cannot be stored ({describe_misfit(error)})"
        ) from None


def process_of(instance: Any) -> type[Process[Any, Any]]:
    """Return the process of an instance."""
    process: type[Process[Any, Any]] = type(instance.own)
    return process


def _parts(called: str, own: Process[Any, Any], trigger: Any, facts: ProcessFacts) -> Sequence[Any]:
    """Return what `react` returns, as a sequence."""
    cause = f" for {type(trigger).__name__}"
    try:
        returned: Any = own.react(trigger, facts)
        if type(returned) is list or (isinstance(returned, Iterable) and not isinstance(returned, _PARTS)):
            parts = tuple(islice(returned, MAX_EVENTS + 1))
            if len(parts) <= MAX_EVENTS:
                return parts
    except CALL_FAULTS as error:
        if isinstance(error, MemoryError | ContextFault):
            raise
        raise exception_fault(called, error, cause) from error
    if iscoroutine(returned):
        returned.close()
    raise ContextFault(
        f"{called} returned a value of class {type(returned).__name__}{cause} "
        f"({definition_location(own.react)}); it must return a list of its own events and of effects, "
        "[] where there is nothing to do"
    )


def _advance(instance: Any, parts: Sequence[Any], facts: ProcessFacts) -> Advance:
    process, own, kept = process_of(instance), instance.own, instance.kept
    own_events = own_event_classes(process)
    events: list[Event] = []
    asked_before = kept.pending.keys()
    final: Any = None
    for part in parts:
        if final is not None:
            raise ContextFault(
                f"{process.__name__}.react returned {_shown(part)} after {_shown(final)}, which is the last "
                "of an instance; return it before, or not at all"
            )
        if isinstance(part, FINAL_EFFECTS):
            final = part
            _check_end(process, part, kept.pending.keys() - asked_before, kept)
        if type(part) in own_events:
            event = part.as_stored()
            # A state of the process that cannot be stored is its fault.
            own, kept = evolve_checked(own, (event,)), kept.counted()
            events.append(event)
            continue
        for event in _effect_events(process, part, kept, facts):
            kept = kept.after(event)
            events.append(event)
    return Advance(events, changed(instance, own=own, kept=kept))


def _effect_events(
    process: type[Process[Any, Any]], part: Any, kept: InstanceState, facts: ProcessFacts
) -> Sequence[Any]:
    if type(part) not in _EFFECTS and isinstance(part, Event):
        name, kind = process.__name__, type(part).__name__
        raise ContextFault(
            f"{name}.react returned a {kind}, which {name} does not declare among its own events; add it in "
            f"`class {name}(Process[..., ...])`"
        )
    return effect_events(part, process, kept, facts.now)


def _check_end(
    process: type[Process[Any, Any]], final: Any, asked: Iterable[str], kept: InstanceState
) -> None:
    """Raise ContextFault if the instance would end without the effects that it asks for beside."""
    names = [kept.pending[effect].name for effect in asked]
    if names and not isinstance(final, Compensate):
        raise ContextFault(
            f"{process.__name__}.react returned {_shown(final)} with the effect {names[0]!r}, which would "
            f"not be run any more; return {_shown(final)} when the effect has an outcome"
        )


def _shown(part: Any) -> str:
    return part.__name__ if isinstance(part, type) else type(part).__name__
