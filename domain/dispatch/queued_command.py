"""The run of one command: it waits for its turn, is decided and appended, and starts again on a conflict."""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.dispatch.deciding import Decider, Decision, Target
from domain.dispatch.ports import AggregateStore, CommandLog, NewCommit
from domain.dispatch.queues import SpeculativeState, StreamQueue
from domain.dispatch.unique_values import ClaimedValues
from domain.kernel.command import Envelope, Receipt
from domain.kernel.errors import (
    CommandIdReused,
    CommandIdTaken,
    ConcurrencyConflict,
    ContextFault,
    PersonalDataRefused,
    ValidationFailed,
)
from domain.kernel.limit_errors import Overloaded

NOT_STORED = (
    CommandIdReused,
    CommandIdTaken,
    ConcurrencyConflict,
    Overloaded,
    PersonalDataRefused,
    ValidationFailed,
)
"""Errors of an append after which its commit is not stored, and never will be."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """The result of a command's turn.

    `basis` is the speculative state of the decision, None if that was the stored state. `decision` is None if
    the command itself is pending already. An `append` must start at once, before the next turn; `claimed` are
    the unique values that it claims.
    """

    basis: SpeculativeState | None
    decision: Decision | None
    append: tuple[NewCommit, SpeculativeState] | None = None
    claimed: ClaimedValues | None = None


class QueuedCommand:
    """One command in the queue of its stream."""

    __slots__ = ("_aggregates", "_decider", "_envelope", "_log", "_queue", "_reload", "_target", "_ticket")

    def __init__(
        self,
        decider: Decider,
        log: CommandLog,
        aggregates: AggregateStore,
        envelope: Envelope,
        target: Target,
        queue: StreamQueue,
    ) -> None:
        self._decider = decider
        self._log = log
        self._aggregates = aggregates
        self._envelope = envelope
        self._target = target
        self._queue = queue
        self._ticket = queue.ticket()
        self._reload = False

    async def run(self) -> Receipt:
        """Decide and append until there is a definite outcome. Raises as `CommandBus.dispatch`."""
        conflicts = 0
        while True:
            turn = await self._take_turn()
            if turn.append is not None:
                try:
                    return await self._append_claimed(*turn.append, turn.claimed)
                except ConcurrencyConflict:
                    # A failure of an earlier command of this process does not count.
                    conflicts += self._queue.is_contested
                    if conflicts == self._decider.limits.decisions:
                        raise
            elif await self._is_stored(turn.basis) and (receipt := await self._answer(turn.decision)):
                return receipt
            self._reload = True

    async def _take_turn(self) -> _Turn:
        await self._queue.take_turn(self._ticket)
        try:
            basis = self._queue.basis_of(self._target.command_id)
            if basis is not None and basis.command_id == self._target.command_id:
                return _Turn(basis, None)
            state = None if basis is None else basis.state
            decision = await self._decider.decide(
                self._envelope, self._target, state, self._queue.pending_events, reload=self._reload
            )
            if not decision.events:
                return _Turn(basis, decision)
            try:
                append = self._begin(basis, decision)
            except ContextFault:
                await self._settle_claims(decision.claimed, stored=False)
                raise
            return _Turn(basis, decision, append, decision.claimed)
        finally:
            self._queue.end_turn()

    def _begin(
        self, basis: SpeculativeState | None, decision: Decision
    ) -> tuple[NewCommit, SpeculativeState]:
        commit = self._decider.commit(
            self._envelope, self._target, decision, None if basis is None else basis.command_id
        )
        pending = SpeculativeState(self._target.command_id, decision.after, decision.events)
        self._queue.begin(pending)
        return commit, pending

    async def _append_claimed(
        self, commit: NewCommit, pending: SpeculativeState, claimed: ClaimedValues | None
    ) -> Receipt:
        """Append the commit, and release the claims that do not count after that."""
        try:
            receipt = await self._append(commit, pending)
        except NOT_STORED:
            await self._settle_claims(claimed, stored=False)
            raise
        await self._settle_claims(claimed, stored=not receipt.replayed)
        return receipt

    async def _settle_claims(self, claimed: ClaimedValues | None, *, stored: bool) -> None:
        if claimed is not None and (unique := self._decider.unique) is not None:
            await unique.settle(claimed, stored=stored)

    async def _append(self, commit: NewCommit, pending: SpeculativeState) -> Receipt:
        stored = contested = False
        try:
            receipt = await self._log.append(commit)
            stored = not receipt.replayed
            if stored:
                after = pending.state
                self._aggregates.remember(commit.tenant, commit.stream, after.state, after.version)
        except ConcurrencyConflict:
            contested = True
            raise
        finally:
            self._queue.settle(pending, stored=stored, contested=contested)
        # The receipt does not say which command it was for.
        return receipt if stored else await self.first_receipt() or receipt

    async def _is_stored(self, basis: SpeculativeState | None) -> bool:
        """Return whether `basis` is the stored state; wait for the outcome of its append."""
        if basis is None:
            return True
        with self._queue.waiting_for_outcome():
            return await basis.is_stored()

    async def _answer(self, decision: Decision | None) -> Receipt | None:
        """Return the receipt of a command that causes no events; raise its refusal."""
        if decision is None:
            return await self.first_receipt()
        if decision.refusal is not None:
            raise decision.refusal
        return await self.first_receipt() or await self._unchanged(decision)

    async def _unchanged(self, decision: Decision) -> Receipt:
        """Return the receipt of a command that changes nothing; store it under the client's command id."""
        target, envelope = self._target, self._envelope
        if envelope.command_id is None:
            version = decision.basis.version
            position = await self._log.position_of(target.tenant, target.stream, version)
            correlation = envelope.correlation or target.command_id
            return Receipt(target.command_id, target.stream, version, position, correlation, changed=False)
        receipt = await self._log.append(self._decider.commit(envelope, target, decision, None))
        return await self.first_receipt() or receipt if receipt.replayed else receipt

    async def first_receipt(self) -> Receipt | None:
        """Return the receipt of the command's first run; None if there was none.

        Raises CommandIdReused if the command id was first used for something else.
        """
        if self._envelope.command_id is None:
            return None
        first = await self._log.stored_command(self._target.tenant, self._envelope.command_id)
        if first is None:
            return None
        self._decider.check_same(self._envelope, first)
        return replace(first.receipt, replayed=True)
