"""Aggregates: the state of one stream, and the rules by which it changes. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, ClassVar, Generic, Self, TypeVar, Union, get_args, get_origin

from domain.kernel.command import Command
from domain.kernel.context_calls import call_evolve
from domain.kernel.errors import ContextFault, DeclarationError
from domain.kernel.event import Event

C = TypeVar("C", bound=Command, contravariant=True)
E = TypeVar("E", bound=Event)
A = TypeVar("A", bound="Aggregate[Any, Any]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What `decide` may use besides its state and the command.

    `now` is the time of the decision. `stream_id` and `version` are those of the aggregate's stream before
    the decision: version 0 is a new stream. `actor` is the caller who sent the command, None where it is not
    known. `references` are the states of the streams that the command refers to, by their ids. They are read
    just before the decision and not locked: they may change before the events are stored.
    """

    now: datetime
    stream_id: str
    version: int
    actor: str | None = None
    references: Mapping[str, Aggregate[Any, Any]] = field(default_factory=dict)

    def reference(self, kind: type[A], id: str) -> A:
        """Return the state of another stream, to whose id a field of the command refers.

        Raises ContextFault where no field with that id is marked with `Refers` of this aggregate.
        """
        state = self.references.get(id)
        if isinstance(state, kind):
            return state
        raise ContextFault(
            f"decide asks for the {kind.__name__} of an id to which no field of the command refers; mark the "
            f"field with the id: Annotated[Identifier, Refers({kind.__name__})]"
        )


class Aggregate(ABC, Generic[C, E]):
    """Base of a frozen dataclass whose defaults are the state before the first event.

    The two type arguments are the unions of its commands and of its events; a `Context` reads them.
    """

    __slots__ = ()
    category: ClassVar[str]

    @abstractmethod
    def decide(self, command: C, facts: Facts) -> Sequence[E]:
        """Return the events that the command causes in this state; raise InvariantViolated to refuse it."""

    @abstractmethod
    def evolve(self, event: E) -> Self:
        """Return the state after the event. An event is a fact and is never refused."""

    @property
    def carries_personal_data(self) -> bool:
        """Whether the state may hold personal values that its events carry for other classes.

        Marked fields of its events are not meant: they are known of all states of the aggregate.
        """
        return False

    def evolve_all(self, events: Iterable[E]) -> Self:
        """Return the state after all of `events`, in order; raise ContextFault if `evolve` fails."""
        state = self
        for event in events:
            state = call_evolve(state, event)
        return state


def command_classes(aggregate: type[Aggregate[Any, Any]]) -> tuple[type[Command], ...]:
    """Return the commands that an aggregate declares; raise DeclarationError if it declares none."""
    return _members(aggregate, 0)


@cache
def event_classes(aggregate: type[Aggregate[Any, Any]]) -> tuple[type[Event], ...]:
    """Return the events that an aggregate declares; raise DeclarationError if it declares none."""
    return _members(aggregate, 1)


def _members(aggregate: type[Aggregate[Any, Any]], place: int) -> tuple[Any, ...]:
    for base in getattr(aggregate, "__orig_bases__", ()):
        if get_origin(base) is Aggregate:
            argument = get_args(base)[place]
            return get_args(argument) if get_origin(argument) in (Union, UnionType) else (argument,)
    raise DeclarationError(f"{aggregate.__name__} must derive from Aggregate[its commands, its events]")
