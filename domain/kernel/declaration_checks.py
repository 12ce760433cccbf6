"""Checks of a context's declaration, so that an author's mistake is found at start-up. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import isabstract, isasyncgenfunction, iscoroutinefunction, isgeneratorfunction, signature
from types import MemberDescriptorType
from typing import Any

from domain.kernel.aggregate import Aggregate, command_classes, event_classes
from domain.kernel.code_locations import definition_location
from domain.kernel.command import ChangeCommand, Command, CreateCommand, PutCommand
from domain.kernel.errors import DeclarationError
from domain.kernel.event import Event
from domain.kernel.made_events import check_made_events
from domain.kernel.unique import Unique
from domain.kernel.upcasting import Upcaster

_CATEGORY = re.compile(r"[a-z]+")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


_ADVICE = {
    "command": "CreateCommand, ChangeCommand or PutCommand",
    "event": 'Event, as in class NoteWritten(Event, type="note.written")',
}
"""What the class of a command or of an event derives from."""


def check_context(name: Any, aggregate: Any, upcasters: Any) -> None:
    """Raise DeclarationError if a context's name, aggregate or tuple of upcasters cannot be used."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DeclarationError(
            f'the name of a context must be in lower case, as in Context("notes", Note), not {name!r}'
        )
    if not isinstance(aggregate, type) or not issubclass(aggregate, Aggregate):
        raise DeclarationError(
            f"the context {name!r} needs the class of its aggregate, as in Context({name!r}, Note), not "
            f"{shown(aggregate)}"
        )
    if not isinstance(upcasters, tuple) or not all(isinstance(each, Upcaster) for each in upcasters):
        raise DeclarationError(
            f"upcasters of the context {name!r} must be a tuple of functions with @upcaster(...), as in "
            f"upcasters=(made_1,), not {shown(upcasters)}"
        )
    check_aggregate(aggregate)


def check_unique(name: str, unique: Any) -> None:
    """Raise DeclarationError if a context's tuple of unique values cannot be used."""
    if not isinstance(unique, tuple) or not all(isinstance(each, Unique) for each in unique):
        raise DeclarationError(
            f"unique of the context {name!r} must be a tuple, as in "
            f'unique=(Unique("email", of=email),), not {shown(unique)}'
        )
    fields = [each.field for each in unique]
    for each in unique:
        if not isinstance(each.field, str) or not _NAME.fullmatch(each.field) or fields.count(each.field) > 1:
            raise DeclarationError(
                f"each unique value of the context {name!r} needs a name of its own in lower case, not "
                f"{each.field!r}"
            )
        check_pure(f"of of the unique value {each.field!r}", each.of)
        check_arguments(f"of of the unique value {each.field!r}", each.of, "state", own="")


def shown(value: Any) -> str:
    """Return how an author wrote a wrong argument, in short."""
    if isinstance(value, str | int | float | type(None)):
        return repr(value)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"a value of class {type(value).__name__}"


def check_aggregate(aggregate: type[Aggregate[Any, Any]]) -> None:
    """Raise DeclarationError if the aggregate, its commands or its events cannot be used."""
    name = aggregate.__name__
    check_category(name, getattr(aggregate, "category", None))
    check_state(aggregate)
    for method in ("decide", "evolve"):
        check_pure(f"{name}.{method}", getattr(aggregate, method))
    check_arguments(f"{name}.decide", aggregate().decide, "command", "facts")
    check_arguments(f"{name}.evolve", aggregate().evolve, "event")
    if isgeneratorfunction(aggregate.evolve):
        raise DeclarationError(f"{name}.evolve is a generator; it must return the state after the event")
    _check_classes(name, "command", command_classes(aggregate), Command)
    _check_classes(name, "event", event_classes(aggregate), Event)
    for command in command_classes(aggregate):
        _check_command(command)
    check_made_events(aggregate, event_classes(aggregate), "Aggregate")


def check_category(name: str, category: Any) -> None:
    """Raise DeclarationError if this cannot be the category of the class `name`."""
    if isinstance(category, MemberDescriptorType):
        raise DeclarationError(
            f"{name}.category is declared as a field of each state; leave its type out: write "
            '`category = "note"`'
        )
    if not isinstance(category, str) or not _CATEGORY.fullmatch(category):
        raise DeclarationError(
            f"{name}: its category begins the ids of its streams, so it must be lower-case letters, as in "
            f'`category = "note"`, not {category!r}'
        )


def check_pure(name: str, function: Any) -> None:
    """Raise DeclarationError if the function is asynchronous, or cannot be called."""
    if not callable(function):
        raise DeclarationError(f"{name} must be a function, not {function!r}")
    if iscoroutinefunction(function) or isasyncgenfunction(function):
        raise DeclarationError(f"{name} is asynchronous; it must be pure, so write `def`, not `async def`")


def check_arguments(name: str, function: Any, *arguments: str, own: str = "self, ") -> None:
    """Raise DeclarationError if the function cannot be called with these positional arguments.

    `own` is the parameter to write before them.
    """
    try:
        declared = signature(function)
    except (TypeError, ValueError):
        return  # Some functions that are not written in Python have no signature.
    try:
        declared.bind(*arguments)
    except TypeError as error:
        shown = f"({own}{', '.join(arguments)})"
        raise DeclarationError(
            f"{name} must take {shown}, but: {error} ({definition_location(function)}); write "
            f"`def {getattr(function, '__name__', 'f')}{shown}`"
        ) from None


def check_state(state: type[Any]) -> None:
    """Raise DeclarationError if a class is no frozen dataclass whose defaults are the state at first."""
    name = state.__name__
    if isabstract(state):
        missing = " and ".join(sorted(state.__abstractmethods__))
        raise DeclarationError(f"{name} must define {missing}")
    parameters: Any = getattr(state, "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        raise DeclarationError(
            f"{name} must be a frozen dataclass, for states are shared: write @dataclass(frozen=True, "
            "slots=True) above it"
        )
    try:
        state()
    except Exception as error:
        raise DeclarationError(
            f"{name} must have a default for each field, the state before its first event: {error}"
        ) from error


def _check_classes(owner: str, kind: str, classes: Iterable[Any], base: type) -> None:
    order = f"; write class {owner}(Aggregate[its commands, its events])"
    for declared in classes:
        if not isinstance(declared, type) or not issubclass(declared, base) or declared is base:
            is_other = isinstance(declared, type) and issubclass(declared, Command | Event)
            advice = order if is_other else f"; derive it from {_ADVICE[kind]}"
            raise DeclarationError(
                f"{owner} declares the {kind} {declared!r}, which is no class derived from {base.__name__}"
                f"{advice}"
            )


def _check_command(command: type[Command]) -> None:
    if not issubclass(command, CreateCommand | ChangeCommand | PutCommand):
        raise DeclarationError(
            f"{command.__name__} must derive from CreateCommand, ChangeCommand or PutCommand, which say "
            "whether its stream exists"
        )
    if isabstract(command):
        raise DeclarationError(f"{command.__name__} must define `target`, the id of its stream")
    rule = f"the conflict rule of {command.__name__}"
    check_pure(rule, command.on_conflict)
    check_arguments(rule, command.on_conflict, "command", "since", own="")
