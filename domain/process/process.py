"""Processes: aggregates that react to events instead of commands. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, ClassVar, Generic, Self, TypeVar, Union, get_args, get_origin

from domain.kernel.errors import DeclarationError
from domain.kernel.event import Event, RecordedEvent
from domain.process.effects import Effect

T = TypeVar("T", contravariant=True)
E = TypeVar("E", bound=Event)

Reaction = Iterable[Event | Effect]
"""What a trigger leads to, in order: own events of the process, and effects. Nothing for no reaction."""


class StartAt(StrEnum):
    """Where a process begins that is newly deployed on an existing log."""

    NOW = "NOW"
    BEGINNING = "BEGINNING"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFacts:
    """What `react` may use besides its state and the trigger.

    `now` is the time of the reaction, `instance` the id of the instance's stream, `version` its version
    before the reaction. `event` is the recorded event that is reacted to, with its stream and time; None for
    an outcome.
    """

    now: datetime
    instance: str
    version: int
    event: RecordedEvent | None = None

    @property
    def key(self) -> str:
        """The key of the instance."""
        return self.instance.partition("-")[2]


class Process(ABC, Generic[T, E]):
    """Base of a frozen dataclass whose defaults are the state of a new instance.

    The two type arguments are the union of what it reacts to (classes of events and of outcomes) and the
    union of its own events. `starts_at` says where it begins on an existing log. The docstring describes the
    process in the API.
    """

    __slots__ = ()
    category: ClassVar[str]
    starts_at: ClassVar[StartAt] = StartAt.NOW

    @classmethod
    @abstractmethod
    def key(cls, event: RecordedEvent) -> str | None:
        """Return the key of the instance that an event concerns; None if it concerns none.

        The key and the category make the id of the instance: the key ``order-17`` of ``fulfilment`` is
        the stream ``fulfilment-order-17``.
        """

    @abstractmethod
    def react(self, trigger: T, facts: ProcessFacts) -> Reaction:
        """Return the own events and the effects that the trigger leads to in this state."""

    @abstractmethod
    def evolve(self, event: E) -> Self:
        """Return the state after an own event."""

    @classmethod
    def declared_triggers(cls) -> tuple[type[Any], ...]:
        """Return the classes that the process reacts to; raise DeclarationError if it declares none."""
        return type_arguments(cls, Process, "what it reacts to", "its own events")[0]

    @classmethod
    def declared_events(cls) -> tuple[type[Event], ...]:
        """Return the own events of the process; raise DeclarationError if it declares none."""
        return type_arguments(cls, Process, "what it reacts to", "its own events")[1]


@cache
def trigger_classes(process: type[Process[Any, Any]]) -> tuple[type[Any], ...]:
    """Return the classes that a process reacts to; raise DeclarationError if it declares none."""
    return process.declared_triggers()


@cache
def own_event_classes(process: type[Process[Any, Any]]) -> tuple[type[Event], ...]:
    """Return the own events of a process; raise DeclarationError if it declares none."""
    return process.declared_events()


def type_arguments(declared: type[Any], base: type[Any], *arguments: str) -> Sequence[tuple[type[Any], ...]]:
    """Return the members of each type argument with which a class derives from a generic base.

    Raises DeclarationError, which says what the `arguments` are, if it derives from the base without them.
    """
    for generic in getattr(declared, "__orig_bases__", ()):
        if get_origin(generic) is base:
            return [_members(argument) for argument in get_args(generic)]
    raise DeclarationError(f"{declared.__name__} must derive from {base.__name__}[{', '.join(arguments)}]")


def _members(argument: Any) -> tuple[Any, ...]:
    return get_args(argument) if get_origin(argument) in (Union, UnionType) else (argument,)
