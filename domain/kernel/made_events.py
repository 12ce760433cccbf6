"""The events that the code of an aggregate or a process makes, found before it is called. Pure."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from types import CodeType, FunctionType, ModuleType
from typing import Any

from domain.kernel.code_locations import definition_location
from domain.kernel.errors import DeclarationError
from domain.kernel.event import Event

_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")

_WITH_NULL_BIT = ("LOAD_GLOBAL",) if sys.version_info < (3, 12) else ("LOAD_GLOBAL", "LOAD_ATTR")
"""Instructions whose lowest bit of the argument says that they prepare a call."""

_NULL_IS_ABOVE = sys.version_info >= (3, 13)
"""Before, the NULL of a call was below what is called, and so pushed before it."""


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
    is_called = False
    for instruction, following in pairwise(dis.get_instructions(code)):
        if instruction.opname == "LOAD_GLOBAL":
            value, is_called = names.get(instruction.argval), _is_called(instruction, following)
        elif instruction.opname in _ATTRIBUTES and isinstance(value, ModuleType):
            value = getattr(value, instruction.argval, None)
            is_called = is_called or _is_called(instruction, following)
        else:
            value = None
        if is_called and following.opname not in _ATTRIBUTES and _is_event(value):
            yield value
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _events_made(constant, names)


def _is_called(instruction: dis.Instruction, following: dis.Instruction) -> bool:
    """Return whether the value that the instruction loads is called, and not only compared or matched.

    A call needs a NULL or a method on the stack, see ``CALL`` in the documentation of `dis`.
    """
    if instruction.opname in _WITH_NULL_BIT:
        return bool((instruction.arg or 0) & 1) or (_NULL_IS_ABOVE and following.opname == "PUSH_NULL")
    return instruction.opname == "LOAD_METHOD"


def _is_event(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Event)
