"""Rehearses commands: decides them as the bus does, and stores nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from api.transfer.command_importer import CommandLookup
from domain.dispatch.deciding import Decider
from domain.dispatch.middleware import check_envelope
from domain.dispatch.ports import AggregateStore, Clock, IdSource, LoadedState, StoredCommand
from domain.kernel import Aggregate, Catalog, Envelope, Event, Receipt

A = TypeVar("A", bound=Aggregate[Any, Any])


class Rehearsal:
    """Decides commands in the states that the stored events and the rehearsed ones lead to.

    The states and the commands stay in memory, and `stored_commands` returns the rehearsed commands, too.
    What depends on more than events, such as unique values, is not checked.
    """

    def __init__(
        self,
        catalog: Catalog,
        log: CommandLookup,
        aggregates: AggregateStore,
        clock: Clock,
        ids: IdSource,
        digest_key: bytes,
    ) -> None:
        self._log = log
        self._states = _RehearsedStates(aggregates)
        self._decider = Decider(catalog, self._states, clock, ids, digest_key)
        self._commands: dict[str, StoredCommand] = {}

    async def dispatch(self, envelope: Envelope) -> Receipt:
        """Decide the command and return the receipt that it would have. Raises its refusal."""
        return await check_envelope(envelope, self._decide)

    def check_same(self, envelope: Envelope, first: StoredCommand) -> None:
        """Raise CommandIdReused unless the envelope has the command that is stored under its id."""
        self._decider.check_same(envelope, first)

    async def stored_commands(self, tenant: str, command_ids: Collection[str]) -> Mapping[str, StoredCommand]:
        """Return the commands that would be stored under these ids by now."""
        rehearsed = {key: self._commands[key] for key in command_ids if key in self._commands}
        return {**await self._log.stored_commands(tenant, command_ids), **rehearsed}

    async def _decide(self, envelope: Envelope) -> Receipt:
        target = self._decider.target(envelope)
        if (first := self._commands.get(target.command_id)) is not None:
            self.check_same(envelope, first)
            return replace(first.receipt, replayed=True)
        decision = await self._decider.decide(envelope, target, None, reload=True)
        if decision.refusal is not None:
            raise decision.refusal
        self._states.remember(target.tenant, target.stream, decision.after.state, decision.after.version)
        receipt = Receipt(
            command_id=target.command_id,
            stream=target.stream,
            version=decision.after.version,
            position=0,
            correlation=envelope.correlation or target.command_id,
            changed=bool(decision.events),
        )
        self._commands[target.command_id] = StoredCommand(
            type(envelope.command).__name__,
            self._decider.digest(envelope),
            receipt,
            envelope.scope.actor,
            envelope.source,
        )
        return receipt


class _RehearsedStates:
    """The states of aggregates after rehearsed events; those of other streams are the stored ones."""

    def __init__(self, aggregates: AggregateStore) -> None:
        self._aggregates = aggregates
        self._rehearsed: dict[tuple[str, str], LoadedState[Any]] = {}

    async def load(
        self, tenant: str, stream: str, kind: type[A], *, fresh: bool = False, is_probably_new: bool = False
    ) -> LoadedState[A]:
        # Nothing is appended in a rehearsal, so no guard would find that the stream exists.
        rehearsed = self._rehearsed.get((tenant, stream))
        return rehearsed or await self._aggregates.load(tenant, stream, kind, fresh=fresh)

    async def events_since(self, tenant: str, stream: str, version: int, limit: int) -> Sequence[Event]:
        return await self._aggregates.events_since(tenant, stream, version, limit)

    def remember(self, tenant: str, stream: str, state: Aggregate[Any, Any], version: int) -> None:
        self._rehearsed[tenant, stream] = LoadedState(state, version, fresh=True)
