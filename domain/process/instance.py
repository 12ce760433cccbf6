"""An instance of a process as an aggregate: its own state, and what nerve keeps of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass, replace
from functools import cache
from typing import Any, ClassVar, Self, Union, get_args

from domain.kernel.aggregate import Aggregate, Facts
from domain.kernel.context_calls import call_evolve
from domain.kernel.errors import InvariantViolated
from domain.kernel.event import Event
from domain.process.commands import (
    INSTANCE_COMMANDS,
    CancelProcess,
    InstanceCommand,
    ResumeProcess,
    RetryProcess,
)
from domain.process.events import (
    InstanceEvent,
    ProcessCancelled,
    ProcessResumed,
    ProcessRetried,
    ProcessStatus,
)
from domain.process.instance_state import InstanceState
from domain.process.process import Process, own_event_classes

_INSTANCE_EVENTS: tuple[type[Event], ...] = get_args(InstanceEvent)


@dataclass(frozen=True, slots=True)
class Instance(Aggregate[InstanceCommand, Event]):
    """An instance; `own` is the process's own state. `instance_class` makes the class of a process."""

    category: ClassVar[str] = ""

    kept: InstanceState = field(default_factory=InstanceState)

    def decide(self, command: InstanceCommand, facts: Facts) -> Sequence[Event]:
        status = self.kept.status
        if status.is_final:
            raise InvariantViolated(f"{facts.stream_id} is {status}, which is final")
        match command:
            case RetryProcess() | ResumeProcess() if status is not ProcessStatus.STUCK:
                raise InvariantViolated(
                    f"{facts.stream_id} is {status} and not STUCK, so it goes on by itself; only a stuck "
                    "process is retried or resumed"
                )
            case RetryProcess():
                return [ProcessRetried(reason=command.reason)]
            case ResumeProcess():
                return [ProcessResumed(reason=command.reason)]
            case CancelProcess():
                return [ProcessCancelled(reason=command.reason, compensate=command.compensate)]
        raise InvariantViolated(f"a process handles no {type(command).__name__}")

    def evolve(self, event: Event) -> Self:
        kept = self.kept
        own: Any = self
        if isinstance(event, _INSTANCE_EVENTS):
            kept = kept.after(event)  # type: ignore[arg-type]  # mypy does not narrow to the union of a tuple.
        else:
            own = replace(own, own=call_evolve(own.own, event))
        after: Self = replace(own, kept=replace(kept, version=kept.version + 1))
        return after


@cache
def instance_class(process: type[Process[Any, Any]]) -> type[Instance]:
    """Return the aggregate whose streams are the instances of a process."""
    # Of Any, because the unions are made at run time, and only read by `command_classes` and `event_classes`.
    union: Any = Union
    aggregate: Any = Aggregate
    events = (*_INSTANCE_EVENTS, *own_event_classes(process))
    made: type[Instance] = make_dataclass(
        f"{process.__name__}Instance",
        [("own", process, field(default_factory=process))],
        bases=(Instance,),
        namespace={
            "__orig_bases__": (aggregate[union[INSTANCE_COMMANDS], union[events]],),
            "__module__": process.__module__,
            "__doc__": process.__doc__,
            "category": process.category,
        },
        frozen=True,
        slots=True,
    )
    return made
