"""The events that the code of an aggregate or a process makes, found before it is called. Pure."""

from __future__ import annotations

import dis
from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType, ModuleType
from typing import Any

from domain.kernel.code_locations import definition_location
from domain.kernel.errors import DeclarationError
from domain.kernel.event import Event


def check_made_events(declaring: type[Any], declared: Sequence[type[Event]], base: str) -> None:
    """Raise DeclarationError if a method of the class makes an event that the class does not declare.

    `base` is the class whose type arguments are the declaration. Only calls that are written in the methods
    are found, such as ``NoteWritten(...)`` and ``events.NoteWritten(...)``.
    """
    for method, member in vars(declaring).items():
        function = getattr(member, "__func__", member)
        if not isinstance(function, FunctionType):
            continue
        for event in _events_made(function.__code__, function.__globals__):
            if event not in declared:
                name = declaring.__name__
                raise DeclarationError(
                    f"{name}.{method} makes the event {event.__name__}, which {name} does not declare "
                    f"({definition_location(function)}); add {event.__name__} to the events of "
                    f"`class {name}({base}[...])`"
                )


def _events_made(code: CodeType, names: dict[str, Any]) -> Iterator[type[Event]]:
    """Yield the classes of events that the code calls by a global name, or by an attribute of a module."""
    value: Any = None
    for instruction in dis.get_instructions(code):
        # The lowest bit of the argument says that the value is called, and not only compared or matched.
        is_called = instruction.opname == "LOAD_METHOD" or bool((instruction.arg or 0) & 1)
        if instruction.opname == "LOAD_GLOBAL":
            value = names.get(instruction.argval)
        elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD") and isinstance(value, ModuleType):
            value = getattr(value, instruction.argval, None)
        else:
            value = None
        if is_called and isinstance(value, type) and issubclass(value, Event):
            yield value
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _events_made(constant, names)
