"""An instance of a process as an aggregate: its own state, and what nerve keeps of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from typing import Any, ClassVar, Self, Union, cast, get_args

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
from domain.process.copies import changed
from domain.process.events import (
    InstanceEvent,
    ProcessCancelled,
    ProcessResumed,
    ProcessRetried,
    ProcessStatus,
)
from domain.process.instance_state import InstanceState
from domain.process.operating import react_to_resumption, react_to_retry
from domain.process.process import Process, own_event_classes
from domain.process.unwinding import next_compensation

INSTANCE_EVENTS: tuple[type[Event], ...] = get_args(InstanceEvent)
"""The events that every process has beside its own."""

_BUILTIN = frozenset(INSTANCE_EVENTS)


def is_builtin(event: Event) -> bool:
    """Return whether an event is one of nerve's own, and not of a process."""
    return type(event) in _BUILTIN


@dataclass(frozen=True)  # Without slots, for `changed`.
class Instance(Aggregate[InstanceCommand, Event]):
    """An instance; `own` is the process's own state. `instance_class` makes the class of a process."""

    category: ClassVar[str] = ""

    kept: InstanceState = field(default_factory=InstanceState)

    @property
    def carries_personal_data(self) -> bool:
        return self.kept.is_personal

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
                return react_to_retry(self, ProcessRetried(reason=command.reason), facts.now)
            case ResumeProcess():
                return react_to_resumption(self, ProcessResumed(reason=command.reason), facts.now)
            case CancelProcess():
                cancelled = ProcessCancelled(reason=command.reason, compensate=command.compensate)
                return [cancelled, *next_compensation(self.kept.after(cancelled))]
        raise InvariantViolated(f"a process handles no {type(command).__name__}")

    def evolve(self, event: Event) -> Self:
        return self.evolve_all((event,))

    def evolve_all(self, events: Iterable[Event]) -> Self:
        # One copy for all events: this is done for each step of a process.
        instance: Any = self
        own, kept = instance.own, self.kept
        for event in events:
            if is_builtin(event):
                kept = kept.after(cast(Any, event))
            else:
                own, kept = call_evolve(own, event), kept.counted()
        return changed(self, own=own, kept=kept)


@cache
def instance_class(process: type[Process[Any, Any]]) -> type[Instance]:
    """Return the aggregate whose streams are the instances of a process."""
    # Of Any, because the unions are made at run time, and only read by `command_classes` and `event_classes`.
    union: Any = Union
    aggregate: Any = Aggregate
    events = (*INSTANCE_EVENTS, *own_event_classes(process))
    made: type[Instance] = make_dataclass(
        f"{process.__name__}Instance",
        [("own", process, field(default_factory=process))],
        bases=(Instance,),
        namespace={
            "__orig_bases__": (aggregate[union[INSTANCE_COMMANDS], union[events]],),
            "__module__": process.__module__,
            # Errors name the class that the author has written.
            "__qualname__": process.__qualname__,
            "__doc__": process.__doc__,
            "category": process.category,
        },
        frozen=True,
    )
    return made
