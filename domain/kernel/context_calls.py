"""Calls of the code of contexts, whose results are checked before they are used. Pure.

A wrong result raises `ContextFault`, whose message says which class did what, at which line, and what to
write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from inspect import isasyncgen, iscoroutine
from itertools import islice
from typing import Any

from domain.kernel.code_locations import definition_location, user_location
from domain.kernel.command import Command
from domain.kernel.errors import ContextFault, NerveError, UnfitValue, ValidationFailed
from domain.kernel.event import Event
from domain.kernel.faults import fault
from domain.kernel.user_exceptions import CALL_FAULTS

MAX_EVENTS = 100_000
"""Events that are taken from an iterator, which may be infinite, for one command."""

_TARGET = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,250}")
"""The names of streams that the log can store."""


def exception_fault(called: str, error: BaseException, what: str = "") -> ContextFault:
    """Return the fault of code that raised an unexpected exception; `what` is what it was called for."""
    return ContextFault(fault(error).text(called, user_location(error), what))


def call_decide(state: Any, declared: Sequence[type[Event]], command: Command, facts: Any) -> Sequence[Event]:
    """Return the events that an aggregate in this state decides on, each of a `declared` class.

    Errors of nerve such as InvariantViolated pass through. Raises ContextFault for any other exception of
    `decide`, and if it returns anything but an iterable of declared events that can be stored.
    """
    kind = type(state)
    try:
        events = state.decide(command, facts)
        if type(events) is not list and type(events) is not tuple:
            events = _collect(kind, command, events)
    except CALL_FAULTS as error:
        if isinstance(error, NerveError | MemoryError) and not isinstance(error, UnfitValue):
            raise
        raise exception_fault(f"{kind.__name__}.decide", error, f" for {type(command).__name__}") from error
    for event in events:
        if type(event) not in declared:
            raise _wrong_decision(kind, command, *_not_declared(kind, declared, event))
    try:
        return tuple([event.as_stored() for event in events])
    except UnfitValue as error:
        raise unstorable_event(kind, command, error) from None


def unstorable_event(kind: type[Any], command: Command, error: UnfitValue) -> ContextFault:
    """Return the fault of an aggregate that decides on an event with a value that cannot be stored."""
    return _wrong_decision(kind, command, f"returned an event that cannot be stored ({error})")


def _collect(kind: type[Any], command: Command, returned: Any) -> Sequence[Event]:
    """Return the events of an iterable that is neither a list nor a tuple."""
    if iscoroutine(returned):
        returned.close()
    if iscoroutine(returned) or isasyncgen(returned):
        raise _wrong_decision(kind, command, "returned a coroutine, as `async def` does", "write `def`")
    if isinstance(returned, Event):
        name = type(returned).__name__
        raise _wrong_decision(kind, command, f"returned one {name}", f"put it in a list: [{name}(...)]")
    if isinstance(returned, str | bytes | Mapping | Set) or not isinstance(returned, Iterable):
        raise _wrong_decision(kind, command, f"returned {_description(returned)}")
    events = tuple(islice(returned, MAX_EVENTS + 1))
    if len(events) > MAX_EVENTS:
        raise _wrong_decision(kind, command, f"returned an iterator of more than {MAX_EVENTS} events")
    return events


def _not_declared(kind: type[Any], declared: Sequence[type[Event]], event: Any) -> tuple[str, str]:
    """Return what is wrong with an element that `decide` returned, and what to write."""
    names = " or ".join(event_class.__name__ for event_class in declared)
    if isinstance(event, Event):
        name = type(event).__name__
        return (
            f"returned the event {name}, which {kind.__name__} does not declare,",
            f"add {name} to the events of `class {kind.__name__}(Aggregate[...])`, or return {names}",
        )
    if isinstance(event, type):
        return f"returned the class {event.__name__} and not an event", f"write {event.__name__}(...)"
    return f"returned {_description(event)} among its events", f"each must be {names}"


def _wrong_decision(
    kind: type[Any],
    command: Command,
    what: str,
    rule: str = "it must return a list of events, [] where the command changes nothing",
) -> ContextFault:
    place = definition_location(kind.decide)
    return ContextFault(f"{kind.__name__}.decide {what} for {type(command).__name__} ({place}); {rule}")


def call_evolve(state: Any, event: Event) -> Any:
    """Return the next state; raise ContextFault if `evolve` raises, or returns another class."""
    kind = type(state)
    try:
        after = state.evolve(event)
    except MemoryError:
        raise
    except CALL_FAULTS as error:
        raise exception_fault(f"{kind.__name__}.evolve", error, f" for {_event(event)}") from error
    if type(after) is not kind:
        if iscoroutine(after):
            after.close()
        raise ContextFault(
            f"{kind.__name__}.evolve returned {_description(after)} for {_event(event)} "
            f"({definition_location(kind.evolve)}); it must return the {kind.__name__} after the event: "
            "replace(self, ...), or self where nothing changes"
        )
    return after


def _event(event: Event) -> str:
    return f"the event {event.type!r}"


def call_conflict_rule(
    command: Command, rule: Callable[[Command, Sequence[Event]], Any], since: Sequence[Event]
) -> Any:
    """Return the command to decide by its conflict rule; None if the conflict remains.

    Raises ContextFault if the rule raises, or returns a command of another class or for another stream.
    Errors of nerve pass through.
    """
    name = type(command).__name__
    called = f"the conflict rule {getattr(rule, '__qualname__', rule)!s}"
    try:
        after = rule(command, since)
    except (NerveError, MemoryError):
        raise
    except CALL_FAULTS as error:
        raise exception_fault(called, error, f" for {name}") from error
    if after is None:
        return None
    if type(after) is not type(command):
        if iscoroutine(after):
            after.close()
        wrong = _description(after)
    elif after.target != command.target:
        wrong = f"a {name} for another stream"
    else:
        return after
    raise ContextFault(
        f"{called} returned {wrong} for {name} ({definition_location(rule)}); it must return the {name} to "
        "decide, or None to refuse it"
    )


def target_of(command: Command) -> str | None:
    """Return the stream that the command names; None if the server is to generate its id.

    Raises ContextFault if `target` raises or is no text, ValidationFailed for a text that cannot be the name
    of a stream.
    """
    kind = type(command)
    if kind.target is Command.target:
        return command.target
    called = f"{kind.__name__}.target"
    try:
        target = command.target
    except (NerveError, MemoryError):
        raise
    except CALL_FAULTS as error:
        raise exception_fault(called, error) from error
    if not isinstance(target, str) or not target:
        place = definition_location(getattr(kind.target, "fget", None) or kind.target)
        raise ContextFault(f"{called} is {_description(target)} ({place}); it must be the id of a stream")
    if not _TARGET.fullmatch(target):
        raise ValidationFailed(
            "the command leads to a stream whose name is not allowed: a name has 1 to 250 characters, "
            "without control characters"
        )
    return target


def call_unique(of: Callable[[Any], Any], field: str, state: Any) -> str | None:
    """Return a state's unique value; raise ContextFault if the function raises, or returns no text."""
    called = f"the unique value {field!r} of {type(state).__name__}"
    try:
        value = of(state)
    except MemoryError:
        raise
    except CALL_FAULTS as error:
        raise exception_fault(called, error) from error
    if value is not None and not isinstance(value, str):
        raise ContextFault(
            f"{called} is {_description(value)} ({definition_location(of)}); it must be a text, or None"
        )
    return value


def _description(value: Any) -> str:
    """Return what kind of value this is, without its content."""
    if value is None:
        return "None"
    if value == "" and isinstance(value, str):
        return "an empty text"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
