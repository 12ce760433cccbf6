"""What the command bus needs from outside. Implementations live at the edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Receipt
from domain.kernel.event import Event, NewEvent

A = TypeVar("A", bound=Aggregate[Any, Any])


class Clock(Protocol):
    """The time now, UTC with millisecond precision."""

    def __call__(self) -> datetime: ...


class IdSource(Protocol):
    """A new id, unique and time-ordered, with the category as prefix: ``task-01J…``."""

    def __call__(self, category: str) -> str: ...


@dataclass(frozen=True, slots=True)
class NewCommit:
    """The events of one command, to be stored all or none after version `expected` (0: a new stream).

    Without events it is the record of a command that changed nothing at that version, so that its id is not
    used again; `run` distinguishes it from records of other processes for the same command. `predecessor` is
    the id of the command whose append, still under way, leads to that version; None if that is stored.
    `digest` is that of the command's content; None: whatever is sent under the id is taken for the same.

    `at` is the record time, or a later one where the log has come further by then. `recorded` is when another
    log recorded it first, where that is not `at`.
    """

    tenant: str
    stream: str
    category: str
    expected: int
    events: tuple[NewEvent, ...]
    command_id: str
    command: str
    correlation: str
    causation: str | None
    actor: str | None
    source: str | None
    at: datetime
    occurred: datetime | None
    predecessor: str | None = None
    digest: bytes | None = None
    run: str | None = None
    recorded: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """What is stored under a command id; `digest` is None where its content is not known any more."""

    name: str
    digest: bytes | None
    receipt: Receipt


class CommandLog(Protocol):
    """The log as the bus uses it."""

    async def append(self, commit: NewCommit) -> Receipt:
        """Store the commit, majority-durable; a command id that was stored before returns its first receipt.

        Appends of one stream may be started without awaiting the earlier ones: one whose `expected` is the
        version that an append of this process still under way leads to builds on that one (where two lead
        there, on the one started last). One that `follows` a command builds on that one's append and nothing
        else, and fails with ConcurrencyConflict where it is not under way or something else is behind it
        already. Which it builds on is known before this method first suspends, so
        appends that are started in order, as tasks, form a chain. Its commits land in their order, many at
        once. Where one does not land, or its command id turns out to have been stored before, every later
        one fails with ConcurrencyConflict and will never land. A caller that leaves does not break a chain.

        Raises ConcurrencyConflict where the stream is not at `commit.expected`, Overloaded where the queue
        is full, Unavailable where the outcome could not be settled in time; then what is behind it in the
        chain may be Unavailable too.
        """

    async def stored_command(self, tenant: str, command_id: str) -> StoredCommand | None:
        """Return what is stored under the id, with its first receipt; None where that is nothing."""

    async def position_of(self, tenant: str, stream: str, version: int) -> int:
        """Return the position of the commit that led to a version of the stream, 0 for version 0."""


@dataclass(frozen=True, slots=True)
class LoadedState(Generic[A]):
    """An aggregate's state and the version it is at; version 0 means that the stream does not exist.

    `fresh` is False where it came from a cache and newer events may exist.
    """

    state: A
    version: int
    fresh: bool


class AggregateStore(Protocol):
    """Aggregates by stream, rebuilt from their events."""

    async def load(self, tenant: str, stream: str, kind: type[A], *, fresh: bool = False) -> LoadedState[A]:
        """The state of the stream; with `fresh` it holds all that was acknowledged before the call."""

    async def events_since(self, tenant: str, stream: str, version: int, limit: int) -> Sequence[Event]:
        """The stored events behind a version, in order, at most `limit`. Raises Unavailable."""

    def remember(self, tenant: str, stream: str, state: Aggregate[Any, Any], version: int) -> None:
        """Remember the state that an append has just led to."""
