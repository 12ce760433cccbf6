"""Contexts and a process of the tests' own: a chore does the steps that it was given, one after the other.

The steps: ``stamp`` dispatches a command, ``tear`` one that is refused, ``ask`` calls a port, ``wait`` sets a
deadline in 150 ms or in so many as follow, ``send`` starts another chore, ``stumble`` raises an error until
`STUMBLING` is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Self

from domain.kernel import (
    Aggregate,
    Catalog,
    ChangeCommand,
    Context,
    CreateCommand,
    Event,
    Facts,
    Identifier,
    InvariantViolated,
    PutCommand,
    RecordedEvent,
)
from domain.process import (
    Call,
    CallFailed,
    CallReplied,
    CallTimedOut,
    CommandRefused,
    Compensate,
    Complete,
    DeadlineReached,
    Dispatch,
    Effect,
    Process,
    ProcessEnded,
    ProcessFacts,
    ProcessRequested,
    Reaction,
    Reply,
    Request,
    SetDeadline,
    StartAt,
    StartProcess,
    process_context,
)

PAUSE = timedelta(milliseconds=150)
"""How long the step ``wait`` waits."""

STUMBLING: list[str] = []
"""Not empty while the step ``stumble`` raises an error."""


class BeginChore(CreateCommand):
    """Begin a chore."""

    steps: tuple[str, ...]


class ChoreBegun(Event, type="chorelist.begun"):
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChoreList(Aggregate[BeginChore, ChoreBegun]):
    category = "chorelist"

    def decide(self, command: BeginChore, facts: Facts) -> Sequence[ChoreBegun]:
        return [ChoreBegun(steps=command.steps)]

    def evolve(self, event: ChoreBegun) -> Self:
        return self


class StampPage(PutCommand):
    """Stamp a page."""

    id: Identifier
    chore: str

    @property
    def target(self) -> str:
        return self.id


class ErasePage(ChangeCommand):
    """Take a stamp back."""


class TearPage(PutCommand):
    """Tear a page, which is not allowed."""

    id: Identifier

    @property
    def target(self) -> str:
        return self.id


class PageStamped(Event, type="page.stamped"):
    chore: str
    stamps: int


class PageErased(Event, type="page.erased"):
    stamps: int


@dataclass(frozen=True, slots=True)
class Page(Aggregate[StampPage | ErasePage | TearPage, PageStamped | PageErased]):
    category = "page"
    stamps: int = 0

    def decide(
        self, command: StampPage | ErasePage | TearPage, facts: Facts
    ) -> Sequence[PageStamped | PageErased]:
        match command:
            case StampPage(chore=chore):
                return [PageStamped(chore=chore, stamps=self.stamps + 1)]
            case ErasePage():
                return [PageErased(stamps=self.stamps - 1)]
            case TearPage():
                raise InvariantViolated("pages are not torn")

    def evolve(self, event: PageStamped | PageErased) -> Self:
        return replace(self, stamps=event.stamps)


class Answer(Reply):
    text: str


class Ask(Request[Answer], port="oracle"):
    question: str


class Taken(Event, type="chore.taken"):
    steps: tuple[str, ...]


class StepDone(Event, type="chore.step_done"):
    step: str


ChoreTrigger = (
    ChoreBegun
    | PageStamped
    | CommandRefused
    | CallReplied
    | CallTimedOut
    | CallFailed
    | DeadlineReached
    | ProcessRequested
    | ProcessEnded
)


@dataclass(frozen=True, slots=True)
class Chore(Process[ChoreTrigger, Taken | StepDone]):
    """A chore."""

    category = "chore"
    starts_at = StartAt.BEGINNING
    steps: tuple[str, ...] = ()
    done: tuple[str, ...] = field(default=())

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        match event.payload:
            case ChoreBegun():
                return event.stream.partition("-")[2]
            case PageStamped(chore=chore):
                return chore
        return None

    def react(self, trigger: ChoreTrigger, facts: ProcessFacts) -> Reaction:
        match trigger:
            case ChoreBegun(steps=steps) | ProcessRequested(input=ChoreBegun(steps=steps)):
                return [Taken(steps=steps), *_next(steps, facts)]
            case CommandRefused() | CallFailed() | CallTimedOut():
                return [Compensate("a step failed")]
            case _ if self.steps:
                return [StepDone(step=self.steps[0]), *_next(self.steps[1:], facts)]
        return []

    def evolve(self, event: Taken | StepDone) -> Self:
        match event:
            case Taken(steps=steps):
                return replace(self, steps=steps)
            case StepDone(step=step):
                return replace(self, steps=self.steps[1:], done=(*self.done, step))


def _next(steps: Sequence[str], facts: ProcessFacts) -> Iterator[Effect]:
    if not steps:
        yield Complete({"steps": "done"})
        return
    page = f"page-{facts.key}"
    match steps[0]:
        case "stamp":
            # Several may be pending, after stamps that the chore has not asked for.
            stamp, name = StampPage(id=page, chore=facts.key), f"stamp {facts.version}"
            yield Dispatch(stamp, name, compensation=ErasePage(id=page))
        case "tear":
            yield Dispatch(TearPage(id=page))
        case "ask":
            yield Call(Ask(question=facts.key))
        case "wait":
            yield SetDeadline("pause", facts.now + PAUSE)
        case step if step.startswith("wait "):
            yield SetDeadline("pause", facts.now + timedelta(milliseconds=int(step.removeprefix("wait "))))
        case "send":
            yield StartProcess("chore", f"{facts.key}.sent", ChoreBegun(steps=("stamp",)))
        case "stumble" if STUMBLING:
            raise RuntimeError("stumbled")
        case _:
            yield from _next(steps[1:], facts)


lists = Context("chore_lists", ChoreList)
pages = Context("pages", Page)
chores = process_context("chores", Chore)
CATALOG = Catalog([lists, pages, chores])
