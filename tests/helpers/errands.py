"""Processes whose effects a test writes as texts, such as ``do pay``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Self

from pydantic import Field

from domain.kernel import Aggregate, ChangeCommand, Context, Event, Facts, PutCommand, RecordedEvent
from domain.process import (
    Call,
    CallFailed,
    CallReplied,
    CallTimedOut,
    CancelDeadline,
    CommandDone,
    CommandRefused,
    Compensate,
    Complete,
    DeadlineReached,
    Dispatch,
    Effect,
    EffectSkipped,
    Fail,
    Process,
    ProcessEnded,
    ProcessFacts,
    ProcessRequested,
    Reaction,
    Reply,
    Request,
    SetDeadline,
    StartProcess,
    process_context,
)


class DoChore(PutCommand):
    """Do a chore."""

    id: str

    @property
    def target(self) -> str:
        return self.id


class UndoChore(ChangeCommand):
    """Undo a chore."""


class ChoreDone(Event, type="chore.done"):
    """A chore was done."""


class ChoreUndone(Event, type="chore.undone"):
    """A chore was undone."""


@dataclass(frozen=True, slots=True)
class Chore(Aggregate[DoChore | UndoChore, ChoreDone | ChoreUndone]):
    """A chore, which may be done and undone any number of times."""

    category = "chore"

    def decide(self, command: DoChore | UndoChore, facts: Facts) -> Sequence[ChoreDone | ChoreUndone]:
        return [ChoreDone() if isinstance(command, DoChore) else ChoreUndone()]

    def evolve(self, event: ChoreDone | ChoreUndone) -> Self:
        return self


class Answer(Reply):
    """The reply of a shop."""

    text: str


class Ask(Request[Answer], port="shop"):
    """Ask a shop."""

    what: str


class Unask(Request[Answer], port="shop"):
    """Take a question back."""

    what: str


class ErrandGiven(Event, type="errand.given"):
    """An errand: what to do at once, and what to do when an effect of a name has an outcome."""

    key: str
    script: list[str]
    then: dict[str, list[str]] = Field(default_factory=dict)


class ErrandExtended(Event, type="errand.extended"):
    """Further effects of an errand."""

    key: str
    script: list[str]


class ErrandPlanned(Event, type="errand.planned"):
    """What to do when an effect of a name has an outcome."""

    then: dict[str, list[str]]


class ErrandNoted(Event, type="errand.noted"):
    """An own event of an errand."""

    text: str


@dataclass(frozen=True, slots=True)
class Errand(
    Process[
        ErrandGiven
        | ErrandExtended
        | CommandDone
        | CommandRefused
        | CallReplied
        | CallTimedOut
        | CallFailed
        | DeadlineReached
        | ProcessEnded
        | EffectSkipped,
        ErrandPlanned | ErrandNoted,
    ]
):
    """An errand, which asks for the effects of its script."""

    category = "errand"
    then: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        match event.payload:
            case ErrandGiven(key=key) | ErrandExtended(key=key):
                return key
        return None

    def react(self, trigger: Any, facts: ProcessFacts) -> Reaction:
        match trigger:
            case ErrandGiven(script=script, then=then):
                return [ErrandPlanned(then=then), *effects(script, facts)] if then else effects(script, facts)
            case ErrandExtended(script=script):
                return effects(script, facts)
        kind = type(trigger).__name__
        named = f"{kind} {trigger.name}"
        return effects(self.then.get(named, self.then.get(kind, ())), facts)

    def evolve(self, event: ErrandPlanned | ErrandNoted) -> Self:
        match event:
            case ErrandPlanned(then=then):
                return replace(self, then={name: tuple(script) for name, script in then.items()})
            case ErrandNoted(text=text):
                return replace(self, notes=(*self.notes, text))


@dataclass(frozen=True, slots=True)
class Careless(Process[ErrandGiven | CommandDone, ErrandNoted]):
    """An errand that declares no outcome but success, so that any failure makes it stuck."""

    category = "careless"

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return event.payload.key if isinstance(event.payload, ErrandGiven) else None

    def react(self, trigger: ErrandGiven | CommandDone, facts: ProcessFacts) -> Reaction:
        return effects(trigger.script, facts) if isinstance(trigger, ErrandGiven) else []

    def evolve(self, event: ErrandNoted) -> Self:
        return self


class VisitNoted(Event, type="visit.noted"):
    """An own event of a visit."""

    by: str


@dataclass(frozen=True, slots=True)
class Visit(Process[ProcessRequested | CommandDone, VisitNoted]):
    """A process that another one starts, with an errand as its input."""

    category = "visit"
    by: str = ""

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return None

    def react(self, trigger: ProcessRequested | CommandDone, facts: ProcessFacts) -> Reaction:
        match trigger:
            case ProcessRequested(parent=parent, input=ErrandGiven(script=script)):
                return [VisitNoted(by=parent), *effects(script, facts)]
            case CommandDone():
                return [Complete(result={"by": self.by})]
        return []

    def evolve(self, event: VisitNoted) -> Self:
        return replace(self, by=event.by)


def effects(script: Iterable[str], facts: ProcessFacts) -> list[Event | Effect]:
    """Return the effects that the texts stand for, in order."""
    return [effect(text, facts) for text in script]


def effect(text: str, facts: ProcessFacts) -> Any:
    """Return the effect that a text stands for; `raise` raises."""
    verb, _, name = text.partition(" ")
    match verb:
        case "do":
            return Dispatch(DoChore(id=f"chore-{name}"), name)
        case "do+undo":
            return Dispatch(DoChore(id=f"chore-{name}"), name, UndoChore(id=f"chore-{name}"))
        case "ask":
            return Call(Ask(what=name), name, timedelta(minutes=1))
        case "ask+undo":
            return Call(Ask(what=name), name, timedelta(minutes=1), Unask(what=name))
        case "wait":
            return SetDeadline(name, facts.now + timedelta(hours=1))
        case "stop-waiting":
            return CancelDeadline(name)
        case "visit":
            return StartProcess("visit", name, ErrandGiven(key=name, script=[f"do {name}"]), name)
        case "note":
            return ErrandNoted(text=name)
        case "complete":
            return Complete(result={"text": name})
        case "fail":
            return Fail(name)
        case "compensate":
            return Compensate(name)
        case "raise":
            raise ValueError(name)
    return text


errands = process_context("errands", Errand)
careless = process_context("careless", Careless)
visits = process_context("visits", Visit)
chores: Context = Context("chores", Chore)
CONTEXTS: tuple[Context, ...] = (errands, careless, visits, chores)
