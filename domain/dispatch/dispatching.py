"""One command on its way: it takes its turn to decide, is appended, and starts again where it lost."""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.dispatch.deciding import Decider, Decision, Target
from domain.dispatch.ports import AggregateStore, CommandLog, NewCommit
from domain.dispatch.queues import SpeculativeState, StreamQueue
from domain.kernel.command import Envelope, Receipt
from domain.kernel.errors import ConcurrencyConflict

MAX_DECISIONS = 32
"""How often a command is decided at most when other processes keep moving its stream.

Each lost attempt is another process's success, and a process that must read first loses several in a row to
one that need not.
"""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a command's turn came to. `decision`: None where the command's first run is under way itself.

    `basis` is the promise that it was decided on. An `append` is to start at once, before the next turn.
    """

    basis: SpeculativeState | None
    decision: Decision | None
    append: tuple[NewCommit, SpeculativeState] | None = None


class Dispatch:
    """The way of one command through its stream's queue."""

    __slots__ = ("_again", "_aggregates", "_decider", "_envelope", "_log", "_queue", "_target", "_ticket")

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
        self._again = False

    async def run(self) -> Receipt:
        """Decide and append until there is an outcome that holds. Raises as `CommandBus.dispatch`."""
        lost = 0
        while True:
            turn = await self._take_turn()
            if turn.append is not None:
                try:
                    return await self._append(*turn.append)
                except ConcurrencyConflict:
                    # Lost behind a command of this process that failed, it is none the nearer to giving up.
                    lost += self._queue.contested
                    if lost == MAX_DECISIONS:
                        raise
            elif await self._holds(turn.basis) and (receipt := await self._answer(turn.decision)):
                return receipt
            self._again = True

    async def _take_turn(self) -> _Turn:
        await self._queue.take_turn(self._ticket)
        try:
            basis = self._queue.promise(self._target.command_id)
            if basis is not None and basis.command_id == self._target.command_id:
                return _Turn(basis, None)
            state = None if basis is None else basis.state
            decision = await self._decider.decide(
                self._envelope, self._target, state, self._queue.under_way, again=self._again
            )
            if not decision.events:
                return _Turn(basis, decision)
            return _Turn(basis, decision, self._begin(basis, decision))
        finally:
            self._queue.pass_on()

    def _begin(
        self, basis: SpeculativeState | None, decision: Decision
    ) -> tuple[NewCommit, SpeculativeState]:
        commit = self._decider.commit(
            self._envelope, self._target, decision, None if basis is None else basis.command_id
        )
        promise = SpeculativeState(self._target.command_id, decision.after, decision.events)
        self._queue.begin(promise)
        return commit, promise

    async def _append(self, commit: NewCommit, promise: SpeculativeState) -> Receipt:
        kept = contested = False
        try:
            receipt = await self._log.append(commit)
            kept = not receipt.replayed
            if kept:
                stored = promise.state
                self._aggregates.remember(commit.tenant, commit.stream, stored.state, stored.version)
        except ConcurrencyConflict:
            contested = True
            raise
        finally:
            self._queue.settle(promise, kept=kept, contested=contested)
        # The receipt does not say which command it was for.
        return receipt if kept else await self.first_receipt() or receipt

    async def _holds(self, basis: SpeculativeState | None) -> bool:
        """Whether what was decided on `basis` was decided on what is stored; waits until that is known."""
        if basis is None:
            return True
        with self._queue.waiting_for_outcome():
            return await basis.kept()

    async def _answer(self, decision: Decision | None) -> Receipt | None:
        """The receipt of a command that causes no events; raises its refusal."""
        if decision is None:
            return await self.first_receipt()
        if decision.refusal is not None:
            raise decision.refusal
        return await self.first_receipt() or await self._unchanged(decision)

    async def _unchanged(self, decision: Decision) -> Receipt:
        """The receipt of a command that changes nothing, remembered under the id that its client gave it."""
        target, envelope = self._target, self._envelope
        if envelope.command_id is None:
            version = decision.basis.version
            position = await self._log.position_of(target.tenant, target.stream, version)
            correlation = envelope.correlation or target.command_id
            return Receipt(target.command_id, target.stream, version, position, correlation, changed=False)
        receipt = await self._log.append(self._decider.commit(envelope, target, decision, None))
        return await self.first_receipt() or receipt if receipt.replayed else receipt

    async def first_receipt(self) -> Receipt | None:
        """The receipt of the command's first run, None where there was none.

        Raises CommandIdReused where its command id was first used for something else.
        """
        if self._envelope.command_id is None:
            return None
        first = await self._log.stored_command(self._target.tenant, self._envelope.command_id)
        if first is None:
            return None
        self._decider.check_same(self._envelope, first)
        return replace(first.receipt, replayed=True)
