"""The events that record what a process asks for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from domain.kernel.command import Command
from domain.kernel.errors import ContextFault
from domain.kernel.event import Event
from domain.kernel.fields import Json, to_moment
from domain.kernel.types.model_making import model_maker
from domain.process.effect_checks import check_effect
from domain.process.effects import (
    Call,
    CancelDeadline,
    Compensate,
    Complete,
    Dispatch,
    Fail,
    SetDeadline,
    StartProcess,
)
from domain.process.events import (
    CallRequested,
    ChildRequested,
    CommandRequested,
    CompensationStarted,
    DeadlineCancelled,
    DeadlineSet,
    ProcessCompleted,
    ProcessFailed,
)
from domain.process.inputs import to_json
from domain.process.instance_state import InstanceState
from domain.process.keys import instance_id
from domain.process.personal_values import Subjects, at_paths, input_subjects
from domain.process.ports import Request
from domain.process.process import Process
from domain.process.unwinding import next_compensation

# `check_effect` and `to_json` have checked its values, and each step of a process makes one.
_make_requested = model_maker(CommandRequested)


def effect_events(
    effect: Any, process: type[Process[Any, Any]], state: InstanceState, now: datetime
) -> Sequence[Event]:
    """Return the events for an effect that `react` returned in this state.

    Raises ContextFault for a value that is no effect or that cannot be used, UnfitValue or Unstorable for one
    that cannot be stored.
    """
    called = f"{process.__name__}.react"
    check_effect(called, effect, now)
    match effect:
        case Dispatch():
            return (_command_requested(effect, called, state),)
        case Call():
            return (_call_requested(effect, called, state, now),)
        case StartProcess():
            return (_child_requested(effect, called, state),)
        case SetDeadline(name, due):
            return (DeadlineSet(name=name, due=to_moment(due)),)
        case CancelDeadline(name):
            return (DeadlineCancelled(name=name),) if name in state.deadlines else ()
        case Complete(result):
            return (ProcessCompleted(result=result),)
        case Fail(reason):
            return (ProcessFailed(reason=reason),)
        case Compensate(reason, without):
            return _compensation(reason, state.effects_of(without), state)
    raise ContextFault(
        f"{called} returned a value of class {type(effect).__name__} in its list; each must be an own event "
        "or an effect, such as Dispatch(...)"
    )


def _command_requested(effect: Dispatch, called: str, state: InstanceState) -> CommandRequested:
    undo, operation = _undo(effect.compensation), type(effect.command).__name__
    return _make_requested(
        {
            "name": _free_name(called, effect.name or operation, state),
            "command": operation,
            "input": to_json(effect.command),
            "compensation": undo.operation,
            "compensation_port": undo.port,
            "compensation_input": undo.input,
            "personal": at_paths(input=input_subjects(effect.command), compensation_input=undo.personal),
        }
    )


def _call_requested(effect: Call, called: str, state: InstanceState, now: datetime) -> CallRequested:
    undo, operation = _undo(effect.compensation), type(effect.request).__name__
    return CallRequested(
        name=_free_name(called, effect.name or operation, state),
        port=effect.request.port,
        request=operation,
        input=to_json(effect.request),
        due=to_moment(now + effect.timeout),
        compensation=undo.operation,
        compensation_port=undo.port,
        compensation_input=undo.input,
        personal=at_paths(input=input_subjects(effect.request), compensation_input=undo.personal),
    )


def _child_requested(effect: StartProcess, called: str, state: InstanceState) -> ChildRequested:
    instance_id(effect.process, effect.key, f"{called} returned StartProcess with")
    return ChildRequested(
        name=_free_name(called, effect.name or effect.process, state),
        process=effect.process,
        key=effect.key,
        input_type=effect.input.type,
        input_revision=effect.input.revision,
        input=to_json(effect.input),
        personal=at_paths(input=input_subjects(effect.input)),
    )


def _free_name(called: str, name: str, state: InstanceState) -> str:
    """Return the name of an effect; raise ContextFault while another of the name has no outcome."""
    if any(pending.name == name for pending in state.pending.values()):
        raise ContextFault(
            f"{called} returned a second effect {name!r} while one has no outcome yet; give each a `name` of "
            "its own"
        )
    return name


def _compensation(reason: str, without: tuple[str, ...], state: InstanceState) -> Sequence[Event]:
    started = CompensationStarted(reason=reason, without=without)
    return (started, *next_compensation(state.after(started)))


class _Undo(NamedTuple):
    """The name, the port and the fields of what undoes an effect; None for a command's port.

    `personal` has the subjects of the personal values in `input`.
    """

    operation: str | None = None
    port: str | None = None
    input: Json | None = None
    personal: Subjects = MappingProxyType({})


def _undo(compensation: Command | Request[Any] | None) -> _Undo:
    if compensation is None:
        return _Undo()
    port = compensation.port if isinstance(compensation, Request) else None
    personal = input_subjects(compensation)
    return _Undo(type(compensation).__name__, port, to_json(compensation), personal)
