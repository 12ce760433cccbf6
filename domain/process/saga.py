"""Sagas: processes that are declared as a list of steps. Pure.

class Fulfilment(Saga[OrderPlaced, FulfilmentStarted]):
    category = "fulfilment"
    steps = (
        Step(
            "reserve",
            do=lambda saga: ReserveStock(id=saga.data.stock_id, order=saga.data.order_id),
            done=StockReserved,
            failed=StockRefused,
            undo=lambda saga: ReleaseStock(id=saga.data.stock_id, order=saga.data.order_id),
            within=timedelta(minutes=5),
        ),
        Step("confirm", do=lambda saga: ConfirmOrder(id=saga.data.order_id)),
    )

    @classmethod
    def key(cls, event): ...

    @classmethod
    def start(cls, event, facts): ...
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, ClassVar, Generic, Self, TypeVar

from domain.kernel.command import Command
from domain.kernel.data_carrier import DataCarrier
from domain.kernel.errors import ContextFault
from domain.kernel.event import Event
from domain.kernel.fields import Json
from domain.process.copies import changed
from domain.process.effects import Call, CancelDeadline, Compensate, Complete, Dispatch, SetDeadline
from domain.process.inputs import from_json, to_json
from domain.process.outcomes import (
    CallFailed,
    CallReplied,
    CallTimedOut,
    CommandDone,
    CommandRefused,
    DeadlineReached,
    EffectSkipped,
    Outcome,
)
from domain.process.personal_values import at_paths
from domain.process.ports import Reply, Request
from domain.process.process import Process, ProcessFacts, Reaction, type_arguments
from domain.process.saga_checks import check_saga, groups
from domain.process.step import Step
from domain.process.step_outcomes import checked, failure, is_done

T = TypeVar("T", contravariant=True)
S = TypeVar("S", bound=Event)
R = TypeVar("R", bound=Reply)

TIMEOUT = timedelta(minutes=5)
"""The time limit of a call without `within`."""

_ARGUMENTS = ("what starts it", "its first event")


class StepDone(Event, DataCarrier, type="saga.step_done"):
    """A step of a saga is done; `reply` is that of a port."""

    step: str
    reply: Json | None = None


@dataclass(frozen=True)
class Saga(Process[T, S], Generic[T, S]):
    """Base of a process that goes through `steps`, and undoes them in reverse order where one fails.

    The type arguments are the events that start it and its own first event, which has the data that the steps
    need. A tuple among the steps is a group of steps that run in parallel. A subclass is a frozen dataclass
    by itself. Raises DeclarationError where the steps cannot be used.
    """

    steps: ClassVar[Sequence[Step | tuple[Step, ...]]]

    started: S | None = None
    finished: tuple[str, ...] = ()
    replies: Mapping[str, Json] = field(default_factory=dict)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        first = cls.first_event()
        check_saga(cls.__name__, getattr(cls, "steps", ()))
        cls.__annotations__ = {**vars(cls).get("__annotations__", {}), "started": first | None}
        cls.started = None
        dataclass(frozen=True)(cls)

    @classmethod
    @abstractmethod
    def start(cls, event: T, facts: ProcessFacts) -> S | None:
        """Return the first event of a new instance; None where the event starts none."""

    def on_failure(self, step: str, trigger: Event | Outcome) -> Command | None:
        """Return a command to dispatch when a step has failed, before the others are undone."""
        return None

    @property
    def data(self) -> S:
        """The first event of the instance, with the data of the saga."""
        if self.started is None:
            raise ContextFault(f"the {type(self).__name__} has no data, for it has not started")
        return self.started

    def reply(self, step: str, kind: type[R]) -> R:
        """Return the reply with which a step was done."""
        if step not in self.replies:
            raise ContextFault(
                f"the step {step!r} of {type(self).__name__} has no reply of a port, or none yet: the "
                "functions of a step are called when it begins"
            )
        return from_json(kind, self.replies[step])

    @classmethod
    def first_event(cls) -> type[Event]:
        """Return the class of the first event."""
        return type_arguments(cls, Saga, *_ARGUMENTS)[1][0]

    @classmethod
    def declared_triggers(cls) -> tuple[type[Any], ...]:
        steps = [step for group in groups(cls.steps) for step in group]
        triggers = [*_starts(cls), CommandRefused, EffectSkipped]
        for step in steps:
            triggers += [*step.done_events, *step.failed_events]
            triggers += [DeadlineReached] if step.has_deadline else []
            triggers += [CallReplied, CallTimedOut, CallFailed] if step.call else []
            triggers += [CommandDone] if step.do and not step.done_events else []
        return tuple(dict.fromkeys(triggers))

    @classmethod
    def declared_events(cls) -> tuple[type[Event], ...]:
        return (cls.first_event(), StepDone)

    def react(self, trigger: Any, facts: ProcessFacts) -> Reaction:
        if self.started is None:
            started = self.start(trigger, facts) if isinstance(trigger, _starts(type(self))) else None
            return [] if started is None else [started, *self.evolve(started)._begin(0, facts)]
        for step in self._running():
            if is_done(step, trigger):
                return self._finish(step, trigger, facts)
            if reason := failure(step, trigger):
                return self._fail(step, trigger, reason)
        return []

    def evolve(self, event: Any) -> Self:
        if not isinstance(event, StepDone):
            return changed(self, started=event)
        replies = self.replies if event.reply is None else {**self.replies, event.step: event.reply}
        return changed(self, finished=(*self.finished, event.step), replies=replies)

    def _running(self) -> Iterable[Step]:
        """Return the steps that have begun and are not done."""
        for group in groups(self.steps):
            running = [step for step in group if step.name not in self.finished]
            if running:
                return running
        return []

    def _begin(self, index: int, facts: ProcessFacts) -> Reaction:
        for step in groups(self.steps)[index]:
            undo = step.undo(self) if callable(step.undo) else None
            if step.call is not None:
                request = checked("call", step, step.call(self), Request)
                yield Call(request, step.name, step.within or TIMEOUT, undo)
            elif step.do is not None:
                command = checked("do", step, step.do(self), Command)
                yield Dispatch(command, step.name, undo)
            if step.within is not None and step.has_deadline:
                yield SetDeadline(step.name, facts.now + step.within)

    def _finish(self, step: Step, trigger: Any, facts: ProcessFacts) -> Reaction:
        reply, personal = None, None
        if isinstance(trigger, CallReplied):
            reply, personal = to_json(trigger.reply), at_paths(reply=trigger.personal)
        done = StepDone(step=step.name, reply=reply, personal=personal)
        yield done
        if step.has_deadline:
            yield CancelDeadline(step.name)
        index = next(index for index, group in enumerate(groups(self.steps)) if step in group)
        after = self.evolve(done)
        if all(each.name in after.finished for each in groups(self.steps)[index]):
            is_last = index + 1 == len(groups(self.steps))
            yield from [Complete()] if is_last else after._begin(index + 1, facts)

    def _fail(self, step: Step, trigger: Any, reason: str) -> Reaction:
        command = self.on_failure(step.name, trigger)
        if command is not None:
            yield Dispatch(checked("on_failure", step, command, Command), f"failure of {step.name}")
        # What an event of failure says was not done; after a time-out it may have been.
        yield Compensate(reason, (step.name,) if isinstance(trigger, Event) else ())


@cache
def _starts(saga: type[Saga[Any, Any]]) -> tuple[type[Any], ...]:
    """Return the classes that start a saga."""
    return type_arguments(saga, Saga, *_ARGUMENTS)[0]
