"""What follows when a person has a stuck instance go on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from domain.kernel.errors import ContextFault, InvariantViolated, UnfitValue
from domain.kernel.event import Event
from domain.process.events import ProcessResumed, ProcessRetried, ProcessStatus
from domain.process.instance_state import InstanceState
from domain.process.open_effects import UnhandledOutcome
from domain.process.outcomes import EffectSkipped, Outcome
from domain.process.process import ProcessFacts
from domain.process.reacting import is_handled
from domain.process.reaction import reaction
from domain.process.settlements import outcome_of
from domain.process.unwinding import next_compensation


def react_to_retry(instance: Any, retried: ProcessRetried, now: datetime) -> Sequence[Event]:
    """Return the events of a stuck instance that tries again what failed.

    Raises InvariantViolated if the reaction to an outcome fails again.
    """
    return _go_on(instance, retried, list(map(_outcome, instance.kept.outcomes)), now)


def react_to_resumption(instance: Any, resumed: ProcessResumed, now: datetime) -> Sequence[Event]:
    """Return the events of a stuck instance that goes on without what failed.

    Raises InvariantViolated if the reaction to another outcome fails.
    """
    kept = instance.kept
    outcomes: list[Outcome] = [_outcome(each) for each in kept.outcomes if each.effect != kept.stuck_on]
    name = _name_of(kept, kept.stuck_on)
    if name is not None:
        outcomes.insert(0, EffectSkipped(name))
    return _go_on(instance, resumed, outcomes, now)


def _go_on(instance: Any, first: Event, outcomes: Sequence[Outcome], now: datetime) -> Sequence[Event]:
    events = [first]
    instance = instance.evolve(first)
    for outcome in outcomes:
        kept = instance.kept
        if kept.status is not ProcessStatus.RUNNING or not is_handled(instance, outcome):
            continue
        try:
            further, instance = reaction(
                instance, outcome, ProcessFacts(now=now, instance=kept.instance, version=kept.version)
            )
        except ContextFault as fault:
            raise InvariantViolated(
                f"{kept.instance} stays stuck: {fault}. Correct the process, deploy it and try again"
            ) from fault
        events += further
    return [*events, *next_compensation(instance.kept)]


def _outcome(unhandled: UnhandledOutcome) -> Outcome:
    try:
        return outcome_of(unhandled)
    except (UnfitValue, ValidationError) as error:
        raise InvariantViolated(
            f"the recorded outcome of {unhandled.name!r} does not fit its class any more ({error}); correct "
            "the class and try again, or resume the process without it"
        ) from None


def _name_of(kept: InstanceState, effect: str | None) -> str | None:
    """Return the name of the effect or the deadline that failed; None for none, and for a compensation."""
    pending = kept.pending.get(effect or "")
    if pending is not None:
        return None if pending.compensates is not None else pending.name
    names = [each.name for each in kept.outcomes if each.effect == effect]
    return names[0] if names else None
