"""given(events).when(command).then(events): tests of one aggregate, without a server. Pure.

    given(Note, NoteWritten(text="Buy milk")).when(PinNote(id="note-1")).then(NotePinned())

The command meets the same checks as in the command bus: those of its stream, of the streams that it refers
to, and of what `decide` and `evolve` return. A test that fails raises AssertionError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from domain.dispatch.stream_checks import check_exists, check_fits_stream, check_prefix
from domain.kernel.aggregate import Aggregate, Facts, event_classes
from domain.kernel.command import Command
from domain.kernel.context_calls import call_decide, target_of
from domain.kernel.errors import InvariantViolated, NerveError
from domain.kernel.event import Event
from domain.kernel.state_checks import evolve_checked
from domain.testing.events import NOON, listed, stored

C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)
OtherEvent = TypeVar("OtherEvent", bound=Event)


def given(aggregate: type[Aggregate[C, E]], *events: E) -> Scenario[C, E]:
    """Start a scenario: a stream of this aggregate with these events in the log, none for a new stream."""
    return Scenario(aggregate, tuple(map(stored, events)))


@dataclass(frozen=True)
class Scenario(Generic[C, E]):
    """A stream with its history; its methods return a scenario with one more circumstance."""

    aggregate: type[Aggregate[C, E]]
    history: Sequence[E] = ()
    now: datetime = NOON
    actor: str | None = None
    references: Mapping[str, Aggregate[Any, Any]] = field(default_factory=dict)

    @property
    def state(self) -> Aggregate[C, E]:
        """The state of the stream."""
        return self.aggregate().evolve_all(self.history)

    def at(self, now: datetime) -> Scenario[C, E]:
        """Decide at this time."""
        return replace(self, now=now)

    def by(self, actor: str) -> Scenario[C, E]:
        """Decide on behalf of this caller."""
        return replace(self, actor=actor)

    def with_stream(
        self, id: str, aggregate: type[Aggregate[Any, OtherEvent]], *events: OtherEvent
    ) -> Scenario[C, E]:
        """Add another stream, with its events, to which the command may refer."""
        state = aggregate().evolve_all(map(stored, events))
        return replace(self, references={**self.references, id: state})

    def when(self, command: C) -> Outcome[E]:
        """Decide the command; what refuses it is part of the outcome."""
        category = self.aggregate.category
        stream = target_of(command) or f"{category}-1"
        version = len(self.history)
        try:
            check_prefix("id", category, stream)
            check_fits_stream(command, category, stream, version)
            for name, referred, other in command.references():
                check_prefix(name, referred, other)
                check_exists(referred, other, int(other in self.references))
            facts = Facts(
                now=self.now, stream_id=stream, version=version, actor=self.actor, references=self.references
            )
            state = self.state
            events = cast(Sequence[E], call_decide(state, event_classes(self.aggregate), command, facts))
            evolve_checked(state, map(stored, events))
        except NerveError as error:
            return Outcome((), error)
        return Outcome(events)


@dataclass(frozen=True)
class Outcome(Generic[E]):
    """What became of a command: its events, or the error that refused it."""

    events: Sequence[E]
    error: NerveError | None = None

    def then(self, *expected: E) -> None:
        """Expect exactly these events, in this order. Raises the error of a command that was refused."""
        if self.error is not None:
            raise self.error
        if list(self.events) != list(expected):
            raise AssertionError(f"decided on {listed(self.events)}\nand not on {listed(expected)}")

    def then_nothing(self) -> None:
        """Expect that the command is accepted and changes nothing."""
        self.then()

    def then_refused(self, error: type[NerveError] = InvariantViolated, containing: str = "") -> None:
        """Expect that the command is refused with an error of this class, whose text holds `containing`."""
        if self.error is None:
            raise AssertionError(f"decided on {listed(self.events)} and did not refuse the command")
        if not isinstance(self.error, error):
            raise self.error
        if containing not in str(self.error):
            raise AssertionError(f"refused the command with {str(self.error)!r}, without {containing!r}")
