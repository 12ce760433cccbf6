"""Deciding one command: what it needs is loaded, its aggregate says which events it causes, or refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.dispatch.digest import command_digest
from domain.dispatch.ports import AggregateStore, Clock, IdSource, LoadedState, NewCommit, StoredCommand
from domain.kernel.aggregate import Aggregate, Facts, event_classes
from domain.kernel.catalog import Catalog
from domain.kernel.command import Command, Envelope
from domain.kernel.conflicts import MOST_SINCE, refuse
from domain.kernel.context_calls import call_conflict_rule, call_decide, target_of, unstorable_event
from domain.kernel.errors import (
    AlreadyExists,
    CommandIdReused,
    ConcurrencyConflict,
    ContextFault,
    InvariantViolated,
    NerveError,
    NotFound,
    UnfitValue,
    ValidationFailed,
)
from domain.kernel.event import Event, NewEvent
from domain.kernel.personal import holds_personal_data, holds_personal_values

PendingEvents = Callable[[], Sequence[tuple[int, Event]]]
"""Tells the events that lead to a promised state and may not be stored yet, with their versions."""

REFUSALS = (InvariantViolated, NotFound, ConcurrencyConflict, ContextFault)
"""What a state can have against a command. Another state may not: only a state that is stored counts."""


@dataclass(frozen=True, slots=True)
class Target:
    """A stream as a command meets it. `made`: its id was made just now, so it cannot exist yet."""

    tenant: str
    stream: str
    kind: type[Aggregate[Any, Any]]
    command_id: str
    made: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command comes to in the state `basis`: events, a refusal, or neither where nothing changes.

    `after` is the state that the events lead to.
    """

    basis: LoadedState[Any]
    after: LoadedState[Any]
    at: datetime
    events: Sequence[Event] = ()
    refusal: NerveError | None = None


class Decider:
    """Decides commands against the aggregates of a catalog."""

    def __init__(
        self,
        catalog: Catalog,
        aggregates: AggregateStore,
        clock: Clock,
        ids: IdSource,
        digest_key: bytes = b"",
    ) -> None:
        self._catalog = catalog
        self._aggregates = aggregates
        self._clock = clock
        self._ids = ids
        self._digest_key = digest_key

    def digest(self, envelope: Envelope) -> bytes | None:
        """The digest of the command's content; None where no client can send it again."""
        return None if envelope.command_id is None else command_digest(self._digest_key, envelope.command)

    def check_same(self, envelope: Envelope, first: StoredCommand) -> None:
        """Raise CommandIdReused unless the envelope sends the command again that is stored under its id."""
        command, receipt = envelope.command, first.receipt
        same = first.name == type(command).__name__ and command.target in (None, receipt.stream)
        if not same or (first.digest is not None and first.digest != self.digest(envelope)):
            raise CommandIdReused(receipt.command_id, first.name, receipt.stream, receipt.position)

    def target(self, envelope: Envelope) -> Target:
        """Which stream the command is for; raises ValidationFailed where its ids are of another kind.

        Raises ContextFault where the command's `target` is wrong.
        """
        context = self._catalog.context_of(type(envelope.command))
        named = target_of(envelope.command)
        stream = named or self._ids(context.category)
        check_prefix("id", context.category, stream)
        command_id = envelope.command_id or self._ids("cmd")
        return Target(envelope.scope.tenant, stream, context.aggregate, command_id, made=named is None)

    async def decide(
        self,
        envelope: Envelope,
        target: Target,
        promised: LoadedState[Any] | None,
        under_way: PendingEvents = tuple,
        *,
        again: bool,
    ) -> Decision:
        """Decide on the promised state, else on what is stored: by the cache, unless it is done `again`.

        Only events are decided on a state that may be old, since the version guard checks it when they are
        stored; what has none is looked at in the state that is stored now.
        """
        basis = promised or await self._load(envelope, target, again=again)
        decision = await self._decide_in(basis, envelope, target, under_way)
        if decision.events or basis.fresh:
            return decision
        return await self._decide_in(await self._load(envelope, target, again=True), envelope, target)

    async def _load(self, envelope: Envelope, target: Target, *, again: bool) -> LoadedState[Any]:
        if envelope.command.creates and not again:
            # What is to be created is rarely there: the version guard finds it sooner than a read would.
            return LoadedState(target.kind(), 0, fresh=target.made)
        return await self._aggregates.load(target.tenant, target.stream, target.kind, fresh=again)

    async def _decide_in(
        self, basis: LoadedState[Any], envelope: Envelope, target: Target, under_way: PendingEvents = tuple
    ) -> Decision:
        now = self._clock()
        try:
            command = await self._fitted(basis, envelope, target, under_way)
            events = await self._events(basis, command, envelope, target, now)
            if not events:
                return Decision(basis, basis, now)
            after = LoadedState(basis.state.evolve_all(events), basis.version + len(events), fresh=True)
            return Decision(basis, after, now, events)
        except REFUSALS as refusal:
            return Decision(basis, basis, now, refusal=refusal)

    async def _fitted(
        self, basis: LoadedState[Any], envelope: Envelope, target: Target, under_way: PendingEvents
    ) -> Command:
        """The command as it is to be decided; raises ConcurrencyConflict where its rule refuses.

        Raises ContextFault where the rule fails.
        """
        command, expected = envelope.command, envelope.expected_version
        if expected is None or expected == basis.version:
            return command
        rule = type(command).on_conflict
        if rule is not refuse and 0 < expected < basis.version <= expected + MOST_SINCE:
            since = await self._since(basis, target, expected, under_way)
            adapted: Command | None = call_conflict_rule(command, rule, since) if since is not None else None
            if adapted is not None:
                return adapted
        raise ConcurrencyConflict(target.stream, expected, basis.version)

    async def _since(
        self, basis: LoadedState[Any], target: Target, expected: int, under_way: PendingEvents
    ) -> Sequence[Event] | None:
        """The events from the expected version to the basis; None where another writer came between."""
        behind = basis.version - expected
        # First, so that no append can end in between and be in neither.
        promised = under_way()
        stored = await self._aggregates.events_since(target.tenant, target.stream, expected, behind)
        known = expected + len(stored)
        rest = [event for version, event in promised if known < version <= basis.version]
        return [*stored, *rest] if len(stored) + len(rest) == behind else None

    async def _events(
        self, basis: LoadedState[Any], command: Command, envelope: Envelope, target: Target, now: datetime
    ) -> Sequence[Event]:
        check_fits_stream(command, target.kind.category, target.stream, basis.version)
        facts = Facts(
            now=envelope.occurred or now,
            stream_id=target.stream,
            version=basis.version,
            actor=envelope.scope.actor,
            references=await self._references(command, target.tenant),
        )
        return call_decide(basis.state, event_classes(target.kind), command, facts)

    async def _references(self, command: Command, tenant: str) -> dict[str, Aggregate[Any, Any]]:
        states: dict[str, Aggregate[Any, Any]] = {}
        for field, category, stream in command.references():
            check_prefix(field, category, stream)
            kind = self._catalog.aggregate(category)
            loaded = await self._aggregates.load(tenant, stream, kind, fresh=True)
            check_exists(category, stream, loaded.version)
            states[stream] = loaded.state
        return states

    def commit(
        self, envelope: Envelope, target: Target, decision: Decision, predecessor: str | None
    ) -> NewCommit:
        """The decision's events as they are to be stored, or that there were none.

        Raises ContextFault where one of them cannot be stored.
        """
        return NewCommit(
            tenant=target.tenant,
            stream=target.stream,
            category=target.kind.category,
            expected=decision.basis.version,
            events=self._new_events(envelope.command, target, decision),
            command_id=target.command_id,
            command=type(envelope.command).__name__,
            correlation=envelope.correlation or target.command_id,
            causation=envelope.causation,
            actor=envelope.scope.actor,
            source=envelope.source,
            at=decision.at,
            occurred=envelope.occurred,
            predecessor=predecessor,
            digest=self._storable_digest(envelope, target, decision),
            run=None if decision.events else self._ids("run"),
        )

    def _new_events(self, command: Command, target: Target, decision: Decision) -> tuple[NewEvent, ...]:
        try:
            return tuple([NewEvent(self._ids("evt"), event) for event in decision.events])
        except UnfitValue as error:
            raise unstorable_event(target.kind, command, error) from None

    def _storable_digest(self, envelope: Envelope, target: Target, decision: Decision) -> bytes | None:
        """The digest, unless it might be of personal data and could not be sealed with that of an event.

        With the key, guesses could be tested against it even after the subject's erasure.
        """
        digest = self.digest(envelope)
        if digest is None or not holds_personal_data(target.kind):
            return digest
        return digest if any(map(holds_personal_values, decision.events)) else None


def check_fits_stream(command: Command, category: str, stream: str, version: int) -> None:
    """Raise NotFound or AlreadyExists where the command cannot be for a stream at this version, 0 if new."""
    if not command.creates:
        check_exists(category, stream, version)
    if version > 0 and not command.changes:
        raise AlreadyExists(f"{stream} exists already; choose another id or leave it out")


def check_exists(category: str, stream: str, version: int) -> None:
    """Raise NotFound where the version of a stream is 0."""
    if version == 0:
        raise NotFound(f"there is no {category} {stream!r}; create it first")


def check_prefix(field: str, category: str, stream: str) -> None:
    """Raises ValidationFailed where `stream` is not the id of one of that category."""
    if not stream.startswith(f"{category}-"):
        article = "an" if category[0] in "aeiou" else "a"
        raise ValidationFailed(
            f"{stream!r} is not the id of {article} {category}: it must start with '{category}-'", (field,)
        )
