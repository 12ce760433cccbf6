"""Settlements: the events that record outcomes, and the outcomes that they stand for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from domain.kernel.errors import UnfitValue
from domain.kernel.event import Event
from domain.process.events import (
    CallSucceeded,
    CallWasRefused,
    CallWasTimedOut,
    ChildEnded,
    CommandSucceeded,
    CommandWasRefused,
    DeadlinePassed,
)
from domain.process.inputs import from_json, to_json
from domain.process.open_effects import UnhandledOutcome
from domain.process.outcomes import (
    CallFailed,
    CallReplied,
    CallTimedOut,
    CommandDone,
    CommandRefused,
    DeadlineReached,
    Outcome,
    ProcessEnded,
)
from domain.process.personal_values import at_paths, members_in
from domain.process.ports import Request, reply_class

SETTLEMENTS = (
    CommandSucceeded,
    CommandWasRefused,
    CallSucceeded,
    CallWasTimedOut,
    CallWasRefused,
    ChildEnded,
    DeadlinePassed,
)
"""The events that record outcomes."""

_BY_TYPE: dict[str, type[Event]] = {settlement.type: settlement for settlement in SETTLEMENTS}


def settlement_of(effect: str, outcome: Outcome) -> Event:
    """Return the event that records an outcome of an effect."""
    match outcome:
        case CommandDone(stream=stream, version=version):
            return CommandSucceeded(effect=effect, stream=stream, version=version)
        case CommandRefused(code=code, message=message):
            return CommandWasRefused(effect=effect, code=code, message=message)
        case CallReplied(reply=reply, personal=personal):
            return CallSucceeded(effect=effect, reply=to_json(reply), personal=at_paths(reply=personal))
        case CallTimedOut():
            return CallWasTimedOut(effect=effect)
        case CallFailed(code=code, message=message):
            return CallWasRefused(effect=effect, code=code, message=message)
        case ProcessEnded(status=status, result=result):
            return ChildEnded(effect=effect, status=status, result=result)
        case DeadlineReached(name=name):
            return DeadlinePassed(effect=effect, name=name)
    raise ValueError(f"no event records a {type(outcome).__name__}")


def outcome_of(unhandled: UnhandledOutcome) -> Outcome:
    """Return the outcome of a settlement that was kept.

    Raises UnfitValue or pydantic's ValidationError if the class of a reply has changed since.
    """
    name = unhandled.name
    match from_json(_BY_TYPE[unhandled.type], unhandled.data):
        case CommandSucceeded(stream=stream, version=version):
            return CommandDone(name, stream, version)
        case CommandWasRefused(code=code, message=message):
            return CommandRefused(name, code, message)
        case CallSucceeded(reply=reply, personal=personal):
            kind = reply_class(request_class(unhandled.port, unhandled.operation))
            return CallReplied(name, from_json(kind, reply), members_in("reply", personal))
        case CallWasTimedOut():
            return CallTimedOut(name)
        case CallWasRefused(code=code, message=message):
            return CallFailed(name, code, message)
        case ChildEnded(status=status, result=result):
            return ProcessEnded(name, unhandled.operation, status, result)
    return DeadlineReached(name)


def request_class(port: str | None, name: str) -> type[Request[Any]]:
    """Return the class of a port's request; raise UnfitValue if there is none of the name."""
    for kind in _subclasses(Request):
        if kind.__name__ == name and getattr(kind, "port", None) == port:
            return kind
    raise UnfitValue(f"there is no request {name} of the port {port}")


def _subclasses(kind: type[Request[Any]]) -> Iterator[type[Request[Any]]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)
