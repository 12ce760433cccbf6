"""The command bus: one command in, one receipt or one typed error out.

Around the handler runs a pipeline of middleware; the handler loads the aggregate, lets it decide and
appends. Commands on one stream queue up inside a process; across processes the version guard decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from domain.kernel.aggregate import Aggregate, Facts
from domain.kernel.command import Envelope, Receipt
from domain.kernel.context import Catalog
from domain.kernel.errors import (
    AlreadyExists,
    ConcurrencyConflict,
    InvariantViolated,
    NotFound,
    ValidationFailed,
)
from domain.kernel.event import Event
from domain.kernel.ports import AggregateStore, Clock, CommandLog, IdSource, Loaded, NewCommit, NewEvent

Handler = Callable[[Envelope], Awaitable[Receipt]]

MAX_DECISIONS = 32
"""How often a command is decided at most when other processes keep moving its stream.

Each lost attempt is another process's success, and a process that must read first loses several in a row to
one that need not.
"""


class Middleware(Protocol):
    """Wraps every dispatch: looks at the envelope, calls the next one, looks at the outcome."""

    async def __call__(self, envelope: Envelope, following: Handler) -> Receipt: ...


@dataclass(frozen=True, slots=True)
class _Target:
    """A stream as a command meets it. `made`: its id was made just now, so it cannot exist yet."""

    tenant: str
    stream: str
    kind: type[Aggregate[Any, Any]]
    command_id: str
    made: bool


class CommandBus:
    """Dispatches commands to their aggregates."""

    def __init__(
        self,
        catalog: Catalog,
        log: CommandLog,
        aggregates: AggregateStore,
        clock: Clock,
        ids: IdSource,
        middleware: Sequence[Middleware] = (),
    ) -> None:
        self._catalog = catalog
        self._log = log
        self._aggregates = aggregates
        self._clock = clock
        self._ids = ids
        self._queues = _StreamQueues()
        self._pipeline: Handler = self._handle
        for layer in reversed(middleware):
            self._pipeline = _wrap(layer, self._pipeline)

    async def dispatch(self, envelope: Envelope) -> Receipt:
        """Decide and store the command.

        Raises ValidationFailed, NotFound, InvariantViolated, ConcurrencyConflict, Overloaded or Unavailable;
        after each but the last nothing was stored.
        """
        return await self._pipeline(envelope)

    async def _handle(self, envelope: Envelope) -> Receipt:
        context = self._catalog.context_of(type(envelope.command))
        named = envelope.command.target
        stream = named or self._ids(context.category)
        _check_prefix("id", context.category, stream)
        command_id = envelope.command_id or self._ids("cmd")
        target = _Target(envelope.scope.tenant, stream, context.aggregate, command_id, made=named is None)
        async with self._queues.turn((target.tenant, stream)):
            try:
                return await self._decide_and_append(envelope, target)
            except (InvariantViolated, NotFound, ConcurrencyConflict):
                # A command that was sent twice meets the state that its first run led to.
                first = await self._first_receipt(envelope, target)
                if first is None:
                    raise
                return first

    async def _decide_and_append(self, envelope: Envelope, target: _Target) -> Receipt:
        for attempt in range(1, MAX_DECISIONS + 1):
            loaded = await self._load(envelope, target, attempt)
            now = self._clock()
            try:
                events = await self._decide(envelope, target, loaded, now)
                if not events:
                    return await self._unchanged(envelope, target, loaded)
                commit = self._commit(envelope, target, loaded.version, events, now)
                receipt = await self._log.append(commit)
            except (InvariantViolated, NotFound, ConcurrencyConflict) as error:
                settled = loaded.fresh and not (
                    isinstance(error, ConcurrencyConflict) and envelope.expected_version is None
                )
                if settled or attempt == MAX_DECISIONS:
                    raise
                continue
            if receipt.replayed:
                # The receipt does not say which command it was for.
                return await self._first_receipt(envelope, target) or receipt
            state = loaded.state.evolve_all(events)
            self._aggregates.keep(target.tenant, target.stream, state, receipt.version)
            return receipt
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _load(self, envelope: Envelope, target: _Target, attempt: int) -> Loaded[Any]:
        if envelope.command.creates and attempt == 1:
            # What is to be created is rarely there: the version guard finds it sooner than a read would.
            return Loaded(target.kind(), 0, fresh=target.made)
        return await self._aggregates.load(target.tenant, target.stream, target.kind, fresh=attempt > 1)

    async def _decide(
        self, envelope: Envelope, target: _Target, loaded: Loaded[Any], now: datetime
    ) -> Sequence[Event]:
        command = envelope.command
        expected = envelope.expected_version
        if expected is not None and expected != loaded.version:
            raise ConcurrencyConflict(target.stream, expected, loaded.version)
        if loaded.version == 0 and not command.creates:
            raise NotFound(f"there is no {target.kind.category} {target.stream!r}; create it first")
        if loaded.version > 0 and command.creates:
            raise AlreadyExists(f"{target.stream} exists already; choose another id or leave it out")
        facts = Facts(envelope.occurred or now, await self._others(envelope, target.tenant))
        events: Sequence[Event] = loaded.state.decide(command, facts)
        return events

    async def _others(self, envelope: Envelope, tenant: str) -> dict[str, Aggregate[Any, Any]]:
        others: dict[str, Aggregate[Any, Any]] = {}
        for field, category, stream in envelope.command.references():
            _check_prefix(field, category, stream)
            found = await self._aggregates.load(tenant, stream, self._catalog.aggregate(category), fresh=True)
            if found.version == 0:
                raise NotFound(f"there is no {category} {stream!r}; create it first")
            others[stream] = found.state
        return others

    def _commit(
        self, envelope: Envelope, target: _Target, version: int, events: Sequence[Event], now: datetime
    ) -> NewCommit:
        return NewCommit(
            tenant=target.tenant,
            stream=target.stream,
            category=target.kind.category,
            expected=version,
            events=tuple(NewEvent(self._ids("evt"), event) for event in events),
            command_id=target.command_id,
            command=type(envelope.command).__name__,
            correlation=envelope.correlation or target.command_id,
            causation=envelope.causation,
            actor=envelope.scope.actor,
            source=envelope.source,
            at=now,
            occurred=envelope.occurred,
        )

    async def _unchanged(self, envelope: Envelope, target: _Target, loaded: Loaded[Any]) -> Receipt:
        """The receipt of a command that changes nothing: its stream as it is, and no position of its own."""
        first = await self._first_receipt(envelope, target)
        correlation = envelope.correlation or target.command_id
        return first or Receipt(target.command_id, target.stream, loaded.version, 0, correlation)

    async def _first_receipt(self, envelope: Envelope, target: _Target) -> Receipt | None:
        if envelope.command_id is None:
            return None
        found = await self._log.receipt(target.tenant, envelope.command_id)
        if found is None:
            return None
        name, receipt = found
        return _checked(envelope, name, replace(receipt, replayed=True))


def _checked(envelope: Envelope, name: str, receipt: Receipt) -> Receipt:
    """The receipt, unless its command id was first used for something else."""
    wanted = envelope.command.target
    if name != type(envelope.command).__name__ or (wanted is not None and wanted != receipt.stream):
        raise ValidationFailed(
            f"the command id {receipt.command_id!r} was already used for {name} on {receipt.stream}; "
            "use a new one for each command",
            ("commandId",),
        )
    return receipt


def _check_prefix(field: str, category: str, stream: str) -> None:
    if not stream.startswith(f"{category}-"):
        raise ValidationFailed(
            f"{stream!r} is not the id of a {category}: it must start with '{category}-'", (field,)
        )


def _wrap(layer: Middleware, following: Handler) -> Handler:
    async def call(envelope: Envelope) -> Receipt:
        return await layer(envelope, following)

    return call


class _StreamQueues:
    """One queue for each stream in use: its commands take turns, other streams go on."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def turn(self, key: tuple[str, str]) -> AsyncIterator[None]:
        lock, waiting = self._locks.get(key, (None, 0))
        lock = lock or asyncio.Lock()
        self._locks[key] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._locks[key]
            if waiting == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, waiting - 1)
