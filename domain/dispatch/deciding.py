"""Decisions: the states that a command needs are loaded, and its aggregate decides on events or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.dispatch.digest import command_digest
from domain.dispatch.limits import DEFAULT_LIMITS, DispatchLimits
from domain.dispatch.ports import AggregateStore, Clock, IdSource, LoadedState, NewCommit, StoredCommand
from domain.dispatch.stream_checks import check_exists, check_fits_stream, check_permission, check_prefix
from domain.dispatch.unique_values import ClaimedValues, UniqueValues
from domain.kernel.aggregate import Aggregate, Facts, event_classes
from domain.kernel.catalog import Catalog
from domain.kernel.command import Command, Envelope
from domain.kernel.conflicts import refuse
from domain.kernel.context_calls import call_conflict_rule, call_decide, target_of, unstorable_event
from domain.kernel.errors import (
    CommandIdReused,
    CommandIdTaken,
    ConcurrencyConflict,
    ContextFault,
    Forbidden,
    InvariantViolated,
    NerveError,
    NotFound,
    UnfitValue,
)
from domain.kernel.event import Event, NewEvent
from domain.kernel.personal import holds_personal_data, holds_personal_values, personal_inputs
from domain.kernel.state_checks import evolve_checked

PendingEvents = Callable[[], Sequence[tuple[int, Event]]]
"""Returns the events of pending appends, with their versions."""

REFUSALS = (Forbidden, InvariantViolated, NotFound, ConcurrencyConflict, ContextFault)
"""Errors that depend on the state: a speculative state may refuse what the stored one accepts."""


@dataclass(frozen=True, slots=True)
class Target:
    """The stream that a command is for. `is_new`: its id was just generated, so it cannot exist yet."""

    tenant: str
    stream: str
    kind: type[Aggregate[Any, Any]]
    command_id: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of a command in the state `basis`: events, a refusal, or neither if nothing changes.

    `after` is the state that the events lead to, `claimed` are the unique values that it claims.
    """

    basis: LoadedState[Any]
    after: LoadedState[Any]
    at: datetime
    events: Sequence[Event] = ()
    refusal: NerveError | None = None
    claimed: ClaimedValues | None = None


class Decider:
    """Decides commands against the aggregates of a catalog, and claims their unique values with `unique`."""

    def __init__(
        self,
        catalog: Catalog,
        aggregates: AggregateStore,
        clock: Clock,
        ids: IdSource,
        digest_key: bytes = b"",
        limits: DispatchLimits = DEFAULT_LIMITS,
        unique: UniqueValues | None = None,
    ) -> None:
        self.limits = limits
        self.unique = unique
        self._catalog = catalog
        self._aggregates = aggregates
        self._clock = clock
        self._ids = ids
        self._digest_key = digest_key

    def digest(self, envelope: Envelope) -> bytes | None:
        """Return the digest of the command's content; None if it cannot be sent again with another content.

        No client can send the id that the bus makes. The id of a command of a process stands for the stored
        event that asks for it, which never changes.
        """
        if envelope.command_id is None or envelope.scope.authentication == "process":
            return None
        return self._content_digest(envelope.command)

    def _content_digest(self, command: Command) -> bytes:
        return command_digest(self._digest_key, command)

    def check_same(self, envelope: Envelope, first: StoredCommand) -> None:
        """Raise CommandIdReused unless the envelope has the same command that is stored under its id.

        For a caller whose permission is checked it must be the caller's own, else CommandIdTaken is raised.
        """
        if envelope.permission is not None and envelope.scope.actor != first.actor:
            raise CommandIdTaken(first.receipt.command_id)
        command, receipt = envelope.command, first.receipt
        same = first.name == type(command).__name__ and command.target in (None, receipt.stream)
        # Not `digest`: a command of a process is compared too, where one of another sender has taken its id.
        if not same or (first.digest is not None and first.digest != self._content_digest(command)):
            raise CommandIdReused(receipt.command_id, first.name, receipt.stream, receipt.position)

    def target(self, envelope: Envelope) -> Target:
        """Return the stream that the command is for.

        Raises ValidationFailed if its id is of another category, ContextFault if the command's `target` is
        wrong.
        """
        context = self._catalog.context_of(envelope.command)
        named = target_of(envelope.command)
        stream = named or self._ids(context.category)
        check_prefix("id", context.category, stream)
        command_id = envelope.command_id or self._ids("cmd")
        return Target(envelope.scope.tenant, stream, context.aggregate, command_id, is_new=named is None)

    async def decide(
        self,
        envelope: Envelope,
        target: Target,
        speculative: LoadedState[Any] | None,
        pending_events: PendingEvents = tuple,
        *,
        reload: bool,
    ) -> Decision:
        """Decide in the speculative state if there is one, else in the cached or (`reload`) the stored one.

        A state that is not fresh decides only on events, because the version guard checks it when they are
        stored. A decision without events is made again in the stored state.
        """
        basis = speculative or await self._load(envelope, target, reload=reload)
        decision = await self._decide_in(basis, envelope, target, pending_events)
        if decision.events or basis.fresh:
            return decision
        return await self._decide_in(await self._load(envelope, target, reload=True), envelope, target)

    async def _load(self, envelope: Envelope, target: Target, *, reload: bool) -> LoadedState[Any]:
        command = envelope.command
        if command.creates and not command.changes and not reload:
            # A stream to be created rarely exists: the version guard finds it sooner than a read would.
            return LoadedState(target.kind(), 0, fresh=target.is_new)
        return await self._aggregates.load(
            target.tenant,
            target.stream,
            target.kind,
            fresh=reload,
            is_probably_new=command.usually_starts,
        )

    async def _decide_in(
        self,
        basis: LoadedState[Any],
        envelope: Envelope,
        target: Target,
        pending_events: PendingEvents = tuple,
    ) -> Decision:
        now, command = self._clock(), envelope.command
        try:
            category = target.kind.category
            check_permission(envelope.permission, command, category, target.stream, basis)
            # Before the version: a conflict would reveal that of a stream that the caller may not see.
            check_fits_stream(command, category, target.stream, basis.version)
            command = await self._resolve_conflict(basis, envelope, target, pending_events)
            events = await self._events(basis, command, envelope, target, now)
            if not events:
                return Decision(basis, basis, now)
            state = evolve_checked(basis.state, events)
            claimed = await self._claim(target, basis, state)
            after = LoadedState(state, basis.version + len(events), fresh=True)
            return Decision(basis, after, now, events, claimed=claimed)
        except REFUSALS as refusal:
            return Decision(basis, basis, now, refusal=refusal)

    async def _claim(
        self, target: Target, basis: LoadedState[Any], state: Aggregate[Any, Any]
    ) -> ClaimedValues | None:
        if self.unique is None:
            return None
        return await self.unique.claim(target.tenant, target.stream, basis.state, state)

    async def _resolve_conflict(
        self, basis: LoadedState[Any], envelope: Envelope, target: Target, pending_events: PendingEvents
    ) -> Command:
        """Return the command to decide, adapted by its conflict rule if the stream has moved on.

        Raises ConcurrencyConflict if the rule refuses it, ContextFault if the rule fails.
        """
        command, expected = envelope.command, envelope.expected_version
        if expected is None or expected == basis.version:
            return command
        rule = type(command).on_conflict
        if rule is not refuse and 0 < expected < basis.version <= expected + self.limits.events_since:
            since = await self._events_since(basis, target, expected, pending_events)
            adapted: Command | None = call_conflict_rule(command, rule, since) if since is not None else None
            if adapted is not None:
                return adapted
        raise ConcurrencyConflict(target.stream, expected, basis.version)

    async def _events_since(
        self, basis: LoadedState[Any], target: Target, expected: int, pending_events: PendingEvents
    ) -> Sequence[Event] | None:
        """Return the events between the expected version and the basis; None if another writer interfered."""
        behind = basis.version - expected
        # First, so that no append can end in between and be missing in both.
        pending = pending_events()
        stored = await self._aggregates.events_since(target.tenant, target.stream, expected, behind)
        last = expected + len(stored)
        rest = [event for version, event in pending if last < version <= basis.version]
        return [*stored, *rest] if len(stored) + len(rest) == behind else None

    async def _events(
        self, basis: LoadedState[Any], command: Command, envelope: Envelope, target: Target, now: datetime
    ) -> Sequence[Event]:
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
        """Return the commit with the decision's events, or with none to record that nothing changed.

        Raises ContextFault if an event cannot be stored.
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
            authentication=envelope.scope.authentication,
            client=envelope.scope.client,
            claim=decision.claimed.token if decision.claimed and decision.claimed.taken else None,
            span=envelope.span,
            extensions=envelope.extensions,
        )

    def _new_events(self, command: Command, target: Target, decision: Decision) -> tuple[NewEvent, ...]:
        try:
            return tuple([NewEvent(self._ids("evt"), event) for event in decision.events])
        except UnfitValue as error:
            raise unstorable_event(target.kind, command, error) from None

    def _storable_digest(self, envelope: Envelope, target: Target, decision: Decision) -> bytes | None:
        """Return the digest, unless it may be of personal data and cannot be sealed with that of an event.

        A holder of the digest key could test guesses against it even after the subject's erasure.
        """
        digest = self.digest(envelope)
        if digest is None:
            return None
        is_personal = holds_personal_data(target.kind) or personal_inputs(type(envelope.command))
        if not is_personal:
            return digest
        return digest if any(map(holds_personal_values, decision.events)) else None
