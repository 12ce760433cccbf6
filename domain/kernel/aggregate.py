"""Aggregates: the state of one stream, and the rules by which it changes. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, ClassVar, Generic, Self, TypeVar, Union, get_args, get_origin

from domain.kernel.checking import evolved
from domain.kernel.command import Command
from domain.kernel.errors import DeclarationError, NotFound
from domain.kernel.event import Event

C = TypeVar("C", bound=Command, contravariant=True)
E = TypeVar("E", bound=Event)
A = TypeVar("A", bound="Aggregate[Any, Any]")


@dataclass(frozen=True, slots=True)
class Facts:
    """What `decide` may know beside its own state: the time, and the states that the command names.

    Those other states are as of the decision: they are read just before it and not locked.
    """

    now: datetime
    references: Mapping[str, Aggregate[Any, Any]] = field(default_factory=dict)

    def reference(self, kind: type[A], id: str) -> A:
        """The state of the stream `id`; raises NotFound where it does not exist."""
        state = self.references.get(id)
        if not isinstance(state, kind):
            raise NotFound(f"there is no {kind.category} {id!r}; create it first")
        return state


class Aggregate(ABC, Generic[C, E]):
    """Base of a frozen dataclass whose defaults are the state before the first event.

    The two type arguments are the unions of its commands and of its events; a `Context` reads them.
    """

    __slots__ = ()
    category: ClassVar[str]

    @abstractmethod
    def decide(self, command: C, facts: Facts) -> Sequence[E]:
        """The events that the command causes in this state; raises InvariantViolated where a rule refuses."""

    @abstractmethod
    def evolve(self, event: E) -> Self:
        """The state after the event. Never refuses: what happened, happened."""

    def evolve_all(self, events: Iterable[E]) -> Self:
        """The state after all of `events`, in order; raises ContextFault where `evolve` fails."""
        state = self
        for event in events:
            state = evolved(state, event)
        return state


def command_classes(aggregate: type[Aggregate[Any, Any]]) -> tuple[type[Command], ...]:
    """The commands that an aggregate declares; raises DeclarationError where it declares none."""
    return _members(aggregate, 0)


@cache
def event_classes(aggregate: type[Aggregate[Any, Any]]) -> tuple[type[Event], ...]:
    """The events that an aggregate declares; raises DeclarationError where it declares none."""
    return _members(aggregate, 1)


def _members(aggregate: type[Aggregate[Any, Any]], place: int) -> tuple[Any, ...]:
    for base in getattr(aggregate, "__orig_bases__", ()):
        if get_origin(base) is Aggregate:
            argument = get_args(base)[place]
            return get_args(argument) if get_origin(argument) in (Union, UnionType) else (argument,)
    raise DeclarationError(f"{aggregate.__name__} must derive from Aggregate[its commands, its events]")
