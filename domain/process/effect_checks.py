"""The check of the effects that `react` returns, before anything is stored. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import NoneType
from typing import Any, NamedTuple

from domain.kernel.command import Command
from domain.kernel.declaration_checks import shown
from domain.kernel.errors import ContextFault
from domain.kernel.event import Event
from domain.process.effects import (
    Call,
    CancelDeadline,
    Compensate,
    Dispatch,
    Fail,
    SetDeadline,
    StartProcess,
)
from domain.process.ports import Request

MAX_NAME = 200
"""Most characters of the name of an effect or a deadline."""

LONGEST = timedelta(days=36_500)
"""The most distant time of a deadline, and the longest time limit."""


class _EffectField(NamedTuple):
    """What a field of an effect must be: one of these classes, for which `fits` is true."""

    classes: tuple[type[Any], ...]
    form: str
    fits: Callable[[Any], bool] = lambda value: True


def _is_time_limit(limit: timedelta) -> bool:
    return timedelta(0) < limit <= LONGEST


def _has_port(request: Request[Any]) -> bool:
    """Return whether the class of a request names its port; it was checked then that it names its reply."""
    return hasattr(request, "port")


_COMMAND = _EffectField((Command,), "a command, as in Dispatch(ReserveStock(...))")
_REQUEST = _EffectField(
    (Request,),
    'a request with a reply and a port, as in class Authorise(Request[Authorised], port="payments")',
    _has_port,
)
_COMPENSATION = _EffectField(
    (Command, Request, NoneType),
    "a command, a request with a reply and a port, or None",
    lambda value: not isinstance(value, Request) or _has_port(value),
)
_NAME = _EffectField(
    (str,),
    f"a text of at most {MAX_NAME} characters; without it the effect is named after its command, request or "
    "process",
    lambda name: len(name) <= MAX_NAME,
)
_DEADLINE = _EffectField(
    (str,), f"a text of 1 to {MAX_NAME} characters", lambda name: 0 < len(name) <= MAX_NAME
)
_REASON = _EffectField((str,), "a text that says why", lambda reason: bool(reason.strip()))

_FIELDS: Mapping[type[Any], Mapping[str, _EffectField]] = {
    Dispatch: {"command": _COMMAND, "name": _NAME, "compensation": _COMPENSATION},
    Call: {
        "request": _REQUEST,
        "name": _NAME,
        "timeout": _EffectField(
            (timedelta,),
            f"a timedelta above 0, of at most {LONGEST.days} days, as in timedelta(minutes=5)",
            _is_time_limit,
        ),
        "compensation": _COMPENSATION,
    },
    StartProcess: {
        "process": _EffectField((str,), 'the category of the process, as in StartProcess("visit", ...)'),
        "key": _EffectField((str,), "a text"),
        "input": _EffectField((Event,), "an event, which the process receives as ProcessRequested.input"),
        "name": _NAME,
    },
    SetDeadline: {
        "name": _DEADLINE,
        "due": _EffectField((datetime,), "a time, as in facts.now + timedelta(...)"),
    },
    CancelDeadline: {"name": _DEADLINE},
    Fail: {"reason": _REASON},
    Compensate: {"reason": _REASON},
}


def check_effect(called: str, effect: Any, now: datetime) -> None:
    """Raise ContextFault if a field of an effect that `called` returned at this time cannot be used."""
    for name, field in _FIELDS.get(type(effect), {}).items():
        value = getattr(effect, name)
        if not isinstance(value, field.classes) or not field.fits(value):
            raise ContextFault(
                f"{called} returned {type(effect).__name__} whose `{name}` is {_shown(value)}; it must be "
                f"{field.form}"
            )
    if isinstance(effect, SetDeadline):
        _check_due(called, effect.due, now)


def _check_due(called: str, due: datetime, now: datetime) -> None:
    if due.tzinfo is None:
        raise ContextFault(
            f"{called} returned SetDeadline with a time without a time zone; write facts.now + timedelta(...)"
        )
    if due - now > LONGEST:
        raise ContextFault(
            f"{called} returned SetDeadline with a time that is more than {LONGEST.days} days ahead; leave "
            "the deadline out if it never comes"
        )


def _shown(value: Any) -> str:
    """Return what a wrong value is, without the value: the message is stored."""
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    if value is None or isinstance(value, type):
        return shown(value)
    return f"a value of class {type(value).__name__}"
