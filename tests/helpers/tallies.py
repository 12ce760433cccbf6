"""A context whose events tell the state that they were decided in, and a log in memory that tests drive."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, TypeVar
from uuid import uuid4

from domain.dispatch.ports import LoadedState, NewCommit, StoredCommand
from domain.kernel import (
    Aggregate,
    Catalog,
    ChangeCommand,
    ConflictRule,
    Context,
    CreateCommand,
    Event,
    Facts,
    Identifier,
    InvariantViolated,
    Receipt,
    Refers,
)
from domain.kernel.errors import ConcurrencyConflict
from domain.kernel.event import NewEvent
from domain.testing import NOON

A = TypeVar("A", bound=Aggregate[Any, Any])

LIMIT = 100


class Open(CreateCommand):
    """Begins a tally."""


class Add(ChangeCommand):
    """Adds to a tally, which must not come to more than LIMIT."""

    amount: int = 1


def grown(command: Bid, since: Sequence[Event]) -> Bid | None:
    """Where the total only grew since."""
    return command if all(isinstance(one, Moved) and one.total >= one.seen for one in since) else None


class Bid(ChangeCommand):
    """Adds to a tally, also where it grew since the version that was expected."""

    on_conflict: ClassVar[ConflictRule] = grown

    amount: int = 1


class Reset(ChangeCommand):
    """Brings a tally to zero; changes nothing where it is."""


class Match(ChangeCommand):
    """Adds what another tally has."""

    other: Annotated[Identifier, Refers("tally")]


class Opened(Event, type="tally.opened"):
    """A tally began."""


class Moved(Event, type="tally.moved"):
    """The total went from `seen` to `total`."""

    seen: int
    total: int


TallyCommand = Open | Add | Bid | Reset | Match


@dataclass(frozen=True, slots=True)
class Tally(Aggregate[TallyCommand, Opened | Moved]):
    """A sum with a limit."""

    category: ClassVar[str] = "tally"
    total: int = 0

    def decide(self, command: TallyCommand, facts: Facts) -> Sequence[Opened | Moved]:
        match command:
            case Open():
                return [Opened()]
            case Reset():
                return [self._to(0)] if self.total else []
            case Add(amount=amount) | Bid(amount=amount):
                return [self._to(self.total + amount)]
            case Match(other=other):
                return [self._to(self.total + facts.reference(Tally, other).total)]

    def evolve(self, event: Opened | Moved) -> Tally:
        return replace(self, total=event.total) if isinstance(event, Moved) else self

    def _to(self, total: int) -> Moved:
        if total > LIMIT:
            raise InvariantViolated(f"{total} is more than {LIMIT}")
        return Moved(seen=self.total, total=total)


CATALOG = Catalog([Context("tallies", Tally)])


@dataclass
class Append:
    """An append under way in the log."""

    commit: NewCommit
    outcome: asyncio.Future[Receipt]


@dataclass
class MemoryLog:
    """A `CommandLog` at the pace of a test: `land`, `fail` and `intrude` say what happens next."""

    stored: list[NewCommit] = field(default_factory=list)
    under_way: list[Append] = field(default_factory=list)

    async def append(self, commit: NewCommit) -> Receipt:
        if commit.predecessor is not None and commit.predecessor not in self._chain(commit.stream)[-1:]:
            raise self._conflict(commit)
        append = Append(commit, asyncio.get_running_loop().create_future())
        self.under_way.append(append)
        return await append.outcome

    async def stored_command(self, tenant: str, command_id: str) -> StoredCommand | None:
        for position, commit in enumerate(self.stored, 1):
            if commit.command_id == command_id:
                return StoredCommand(commit.command, commit.digest, self._receipt(commit, position))
        return None

    async def position_of(self, tenant: str, stream: str, version: int) -> int:
        versions = [(commit.stream, commit.expected + len(commit.events)) for commit in self.stored]
        return versions.index((stream, version)) + 1 if version else 0

    def land(self) -> None:
        """The append that was started first has its outcome by what is stored."""
        append = self.under_way[0]
        commit = append.commit
        first = [other for other in self.stored if other.command_id == commit.command_id]
        if first:
            place = self.stored.index(first[0]) + 1
            self._end(append, replace(self._receipt(first[0], place), replayed=True))
        elif commit.events and commit.expected != self.version(commit.stream):
            self.fail(self._conflict(commit))
        else:
            self.stored.append(commit)
            self.under_way.remove(append)
            self._tell(append, self._receipt(commit, len(self.stored)))

    def fail(self, error: Exception) -> None:
        """The append that was started first is not stored, so nothing that builds on it is."""
        self._end(self.under_way[0], error)

    def intrude(self, stream: str, amount: int) -> None:
        """Another process begins the tally, or adds to it."""
        total, version = fold(self.stored, stream).total, self.version(stream)
        events: list[Opened | Moved] = [] if version else [Opened()]
        if amount or version:
            events.append(Moved(seen=total, total=total + amount))
        self.stored.append(_foreign(stream, version, events))

    def version(self, stream: str) -> int:
        return sum(len(commit.events) for commit in self.stored if commit.stream == stream)

    def _end(self, append: Append, outcome: Receipt | Exception) -> None:
        lost = {append.commit.command_id}
        self.under_way.remove(append)
        self._tell(append, outcome)
        for later in list(self.under_way):
            if later.commit.predecessor in lost:
                lost.add(later.commit.command_id)
                self.under_way.remove(later)
                self._tell(later, self._conflict(later.commit))

    def _tell(self, append: Append, outcome: Receipt | Exception) -> None:
        if append.outcome.done():
            return
        if isinstance(outcome, Exception):
            append.outcome.set_exception(outcome)
        else:
            append.outcome.set_result(outcome)

    def _chain(self, stream: str) -> list[str]:
        return [one.commit.command_id for one in self.under_way if one.commit.stream == stream]

    def _conflict(self, commit: NewCommit) -> ConcurrencyConflict:
        return ConcurrencyConflict(commit.stream, commit.expected, self.version(commit.stream))

    def _receipt(self, commit: NewCommit, position: int) -> Receipt:
        version = commit.expected + len(commit.events)
        changed = bool(commit.events)
        return Receipt(
            commit.command_id, commit.stream, version, position, commit.correlation, changed=changed
        )


@dataclass
class MemoryAggregates:
    """Folds what is stored behind what is known; a read takes a turn of the event loop, the cache none."""

    log: MemoryLog
    reads: int = 0
    kept: dict[str, LoadedState[Any]] = field(default_factory=dict)

    async def load(
        self, tenant: str, stream: str, kind: type[A], *, fresh: bool = False, is_probably_new: bool = False
    ) -> LoadedState[A]:
        if not fresh and stream in self.kept:
            return self.kept[stream]
        self.reads += 1
        await asyncio.sleep(0)
        known = self.kept.get(stream, LoadedState(kind(), 0, fresh=False))
        events = [new.event for commit in self.log.stored if commit.stream == stream for new in commit.events]
        state = known.state.evolve_all(events[known.version :])
        self.kept[stream] = LoadedState(state, max(known.version, len(events)), fresh=False)
        return replace(self.kept[stream], fresh=True)

    async def events_since(self, tenant: str, stream: str, version: int, limit: int) -> Sequence[Event]:
        self.reads += 1
        events = [new.event for commit in self.log.stored if commit.stream == stream for new in commit.events]
        # What is stored from here on is not in the answer, which takes its time.
        for _ in range(5):
            await asyncio.sleep(0)
        return events[version : version + limit]

    def remember(self, tenant: str, stream: str, state: Aggregate[Any, Any], version: int) -> None:
        if stream not in self.kept or self.kept[stream].version < version:
            self.kept[stream] = LoadedState(state, version, fresh=False)


def fold(commits: Sequence[NewCommit], stream: str) -> Tally:
    """The tally after the commits; each must have been decided in the state that those before it left."""
    tally = Tally()
    for commit in commits:
        for new in commit.events if commit.stream == stream else ():
            assert not isinstance(new.event, Moved) or new.event.seen == tally.total
            tally = tally.evolve(new.event)  # type: ignore[arg-type]
    return tally


def totals(commits: Sequence[NewCommit], stream: str) -> list[int]:
    """What the tally came to, one after the other."""
    events = [new.event for commit in commits if commit.stream == stream for new in commit.events]
    return [event.total for event in events if isinstance(event, Moved)]


def _foreign(stream: str, version: int, events: Sequence[Opened | Moved]) -> NewCommit:
    name = uuid4().hex
    return NewCommit(
        tenant="default",
        stream=stream,
        category="tally",
        expected=version,
        events=tuple(NewEvent(uuid4().hex, event) for event in events),
        command_id=name,
        command="Foreign",
        correlation=name,
        causation=None,
        actor=None,
        source=None,
        at=NOON,
        occurred=None,
    )
