"""What a trigger means for a step of a saga. Pure."""

from __future__ import annotations

from typing import Any

from domain.kernel.errors import ContextFault
from domain.process.outcomes import (
    CallFailed,
    CallReplied,
    CallTimedOut,
    CommandDone,
    CommandRefused,
    DeadlineReached,
    EffectSkipped,
)
from domain.process.step import Step


def is_done(step: Step, trigger: Any) -> bool:
    """Return whether a step is done with this trigger."""
    match trigger:
        case EffectSkipped(name=step.name):
            return True
        case CommandDone(name=step.name) | CallReplied(name=step.name):
            return not step.done_events
    return isinstance(trigger, step.done_events)


def failure(step: Step, trigger: Any) -> str | None:
    """Return why a step has failed with this trigger; None if it has not."""
    match trigger:
        case CommandRefused(name=step.name) | CallFailed(name=step.name):
            return f"{step.name} was refused: {trigger.message}"
        case CallTimedOut(name=step.name) | DeadlineReached(name=step.name):
            return f"{step.name} has timed out"
    return f"{step.name} has failed: {trigger.type}" if isinstance(trigger, step.failed_events) else None


def checked(function: str, step: Step, value: Any, kind: type[Any]) -> Any:
    """Return what a function of a saga has returned for a step; raise ContextFault if it is of no use."""
    if not isinstance(value, kind):
        raise ContextFault(
            f"{function} of the step {step.name!r} returned a value of class {type(value).__name__}; it must "
            f"return a {kind.__name__}"
        )
    return value
