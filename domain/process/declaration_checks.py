"""Checks of a process's declaration, so that an author's mistake is found at start-up. Pure."""

from __future__ import annotations

from inspect import getattr_static, isgeneratorfunction
from typing import Any, get_args

from domain.kernel.declaration_checks import (
    check_arguments,
    check_category,
    check_pure,
    check_state,
    shown,
)
from domain.kernel.errors import DeclarationError
from domain.kernel.event import Event
from domain.kernel.made_events import check_made_events
from domain.process.instance import INSTANCE_EVENTS
from domain.process.outcomes import Outcome
from domain.process.process import Process, StartAt, own_event_classes, trigger_classes
from domain.process.saga import Saga

MAX_CATEGORY = 40
"""Most letters of the category of a process, which is part of the ids of its instances."""

_OUTCOMES: tuple[type[Any], ...] = get_args(Outcome)


def check_process(name: Any, process: Any) -> None:
    """Raise DeclarationError if the process of the context `name` cannot be used."""
    if not isinstance(process, type) or not issubclass(process, Process):
        raise DeclarationError(
            f"the context {name!r} needs the class of its process, as in process_context({name!r}, "
            f"Fulfilment), not {shown(process)}"
        )
    check_category(process.__name__, getattr(process, "category", None))
    if len(process.category) > MAX_CATEGORY:
        raise DeclarationError(
            f"{process.__name__}: its category has {len(process.category)} letters; {MAX_CATEGORY} are the "
            "most, for it is part of the ids of its instances"
        )
    check_state(process)
    _check_methods(process)
    _check_triggers(process)
    _check_own_events(process)
    if not isinstance(process.starts_at, StartAt):
        raise DeclarationError(
            f"{process.__name__} starts at {shown(process.starts_at)}; write `starts_at = StartAt.NOW` or "
            "`starts_at = StartAt.BEGINNING`"
        )


def _check_methods(process: type[Process[Any, Any]]) -> None:
    name = process.__name__
    for method in ("key", "start") if issubclass(process, Saga) else ("key",):
        if not isinstance(getattr_static(process, method), classmethod | staticmethod):
            raise DeclarationError(
                f"{name}.{method} is called before there is an instance: write @classmethod above it, and "
                "`cls` as its first parameter"
            )
    for method, arguments in (("key", ("event",)), ("react", ("trigger", "facts")), ("evolve", ("event",))):
        check_pure(f"{name}.{method}", getattr(process, method))
        own = "cls, " if method == "key" else "self, "
        check_arguments(f"{name}.{method}", getattr(process(), method), *arguments, own=own)
    for method, rule in (("key", "the key of an instance, or None"), ("evolve", "the state after the event")):
        if isgeneratorfunction(getattr(process, method)):
            raise DeclarationError(f"{name}.{method} is a generator; it must return {rule}")


def _check_triggers(process: type[Process[Any, Any]]) -> None:
    name = process.__name__
    for trigger in trigger_classes(process):
        if trigger in own_event_classes(process):
            raise DeclarationError(
                f"{name} reacts to {trigger.__name__}, an own event of it, so it could go on without end; "
                "do what follows the event where `react` returns it"
            )
        if trigger in INSTANCE_EVENTS:
            raise DeclarationError(
                f"{name} reacts to {trigger.__name__}, an event that nerve stores for every process; react "
                "to an outcome such as ProcessEnded, or to an event of another context"
            )
        is_event = isinstance(trigger, type) and issubclass(trigger, Event) and trigger is not Event
        if not is_event and trigger not in _OUTCOMES:
            raise DeclarationError(
                f"{name} reacts to {shown(trigger)}, which is neither the class of an event nor an outcome "
                f"such as CommandRefused; write class {name}(Process[what it reacts to, its own events])"
            )


def _check_own_events(process: type[Process[Any, Any]]) -> None:
    name = process.__name__
    for event in own_event_classes(process):
        if not isinstance(event, type) or not issubclass(event, Event) or event is Event:
            raise DeclarationError(
                f"{name} has {shown(event)} among its own events, which is not the class of an event; derive "
                'it from Event, as in class FulfilmentBegun(Event, type="fulfilment.begun")'
            )
        if event in INSTANCE_EVENTS:
            raise DeclarationError(
                f"{name} has {event.__name__} among its own events, which nerve stores itself; remove it"
            )
    base = "Saga" if issubclass(process, Saga) else "Process"
    check_made_events(process, own_event_classes(process), base)
