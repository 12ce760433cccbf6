"""Ports of the command bus: the clock, the ids, the log and the aggregates that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Receipt
from domain.kernel.event import Event, Extensions, NewEvent

A = TypeVar("A", bound=Aggregate[Any, Any])


class Clock(Protocol):
    """The current time, in UTC with millisecond precision."""

    def __call__(self) -> datetime: ...


class IdSource(Protocol):
    """A source of new ids: unique, ordered by time, with the category as prefix, as in ``task-01J…``."""

    def __call__(self, category: str) -> str: ...


@dataclass(slots=True)
class NewCommit:
    """The events of one command, to be stored all or none after version `expected`; 0 is a new stream.

    Without events it records a command that changed nothing at that version, so that its id is not used
    again; `run` distinguishes it from records of other processes for the same command. `predecessor` is
    the id of the command whose pending append leads to that version; None if that version is stored.
    `digest` is that of the command's content; without it, every command sent under the id counts as the same.

    `at` is the time of record; the log may store a later one. `recorded` is when another log recorded the
    commit first, if that is not `at`, and `restored` is true of every commit of another log.

    `claim` is the token of its claims on unique values: after the log has recorded that the claims of a token
    are withdrawn, it stores no commit with that token. Without events, the commit is that record.

    `authentication` and `client` are those of the caller's `Scope`. The address is personal data of the
    actor: the log encrypts it, and does not store it without an actor. `span` is the packed trace context of
    the span that stores the commit. `extensions` are the extension attributes of the CloudEvent that its
    command was sent as.

    It is not changed; a frozen class with so many fields would take three times as long to make.
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
    restored: bool = False
    authentication: str | None = None
    client: str | None = None
    claim: str | None = None
    span: bytes | None = None
    extensions: Extensions | None = None


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """A command as it is stored under its id; `digest` is None if its content can no longer be compared.

    `actor` and `source` are those of its envelope.
    """

    name: str
    digest: bytes | None
    receipt: Receipt
    actor: str | None = None
    source: str | None = None


class CommandLog(Protocol):
    """The operations of the log that the bus uses."""

    async def append(self, commit: NewCommit) -> Receipt:
        """Store the commit, majority-durable; a command id that was stored before returns its first receipt.

        Appends of one stream may be started without awaiting the earlier ones. An append whose `expected` is
        the version that a pending append of this process leads to builds on that one; if several lead there,
        on the one started last. An append with a `predecessor` builds on the append of that command only, and
        fails with ConcurrencyConflict if that is not pending or has another successor already. What an append
        builds on is determined before this method first suspends, so appends that are started in order, as
        tasks, form a chain. The commits of a chain are stored in their order, many at once. If one fails, or
        its command id turns out to have been stored before, every later one fails with ConcurrencyConflict
        and is never stored. Cancelling a caller does not break a chain.

        Raises ConcurrencyConflict if the stream is not at `commit.expected`, Overloaded if the queue is full,
        Unavailable if the outcome could not be determined in time; then later commits of the chain may be
        Unavailable too.
        """

    async def stored_command(self, tenant: str, command_id: str) -> StoredCommand | None:
        """Return the command that is stored under the id, with its first receipt; None if there is none."""

    async def position_of(self, tenant: str, stream: str, version: int) -> int:
        """Return the position of the commit that led to a version of the stream, 0 for version 0."""


@dataclass(frozen=True, slots=True)
class LoadedState(Generic[A]):
    """An aggregate's state and its version; version 0 means that the stream does not exist.

    `fresh` is False if the state came from a cache and newer events may exist.
    """

    state: A
    version: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim of a stream on a unique value, of which only a digest is kept.

    `tokens` are those of the commits that lead to the value, stored or still to be stored.
    """

    tenant: str
    category: str
    field: str
    digest: str
    stream: str
    tokens: tuple[str, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """What at most one stream can have a claim on."""
        return self.tenant, self.category, self.field, self.digest


class ClaimStore(Protocol):
    """The claims on unique values, beside the log. Every method raises Unavailable."""

    async def take(self, wanted: Claim) -> Claim:
        """Store the claim if no other stream has one on the value; return the claim that is stored now.

        If the stream itself has one already, the tokens of `wanted` are added to it.
        """

    async def find(self, key: tuple[str, ...]) -> Claim | None:
        """Return the claim on a value; None if there is none."""

    async def replace(self, claim: Claim, wanted: Claim) -> bool:
        """Store `wanted` instead of the claim, unless that has changed; return whether it is stored."""

    async def give_back(self, claim: Claim) -> None:
        """Remove the tokens from the claim, and the claim if no other token led to it."""

    async def remove(self, claim: Claim) -> bool:
        """Remove the claim unless it has changed; return whether it was removed."""

    async def is_settled(self, claim: Claim) -> bool:
        """Return whether each token of the claim has an outcome: its commit is stored, or it is withdrawn."""

    async def settle(self, claim: Claim) -> None:
        """Wait until the claim is settled or has changed; after some time, withdraw it."""


class AggregateStore(Protocol):
    """The states of aggregates, rebuilt from the events of their streams."""

    async def load(
        self, tenant: str, stream: str, kind: type[A], *, fresh: bool = False, is_probably_new: bool = False
    ) -> LoadedState[A]:
        """Return the state of the stream; with `fresh` it has all events acknowledged before the call.

        Without, one that `is_probably_new` may be returned as one that does not exist.
        """

    async def events_since(self, tenant: str, stream: str, version: int, limit: int) -> Sequence[Event]:
        """Return at most `limit` stored events after a version, in order. Raises Unavailable."""

    def remember(self, tenant: str, stream: str, state: Aggregate[Any, Any], version: int) -> None:
        """Keep the state that an append has just led to in the cache."""
