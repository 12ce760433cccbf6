"""Commits that wait for the next group, in chains."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from domain.dispatch.ports import NewCommit
from domain.kernel import Receipt
from domain.kernel.errors import ConcurrencyConflict, Overloaded, Unavailable
from eventstore.appending.pending_append import CommitChain, PendingAppend
from eventstore.personal.sealing import NO_UNSEALED_PARTS, UnsealedParts

GROUP = 256
"""Commits in one insert at most."""

GROUP_BYTES = 40_000_000
"""Their size at most, but for a commit that is larger by itself; a message to MongoDB has 48,000,000."""

QUEUE = 10_000
"""Commits that wait at most; beyond it callers are told Overloaded."""

QUEUE_BYTES = 256_000_000
"""Their size at most."""


class AppendQueue:
    """Hands out groups. A chain is in one group at a time, so that it lands in order over several groups."""

    def __init__(self) -> None:
        self._ready: deque[CommitChain] = deque()
        self._chains: dict[tuple[str, str], CommitChain] = {}
        self._count = 0
        self._bytes = 0

    def __bool__(self) -> bool:
        """Whether anything may go into a group now."""
        return bool(self._ready)

    @property
    def empty(self) -> bool:
        """Whether nothing waits, not even for the rest of its chain."""
        return not self._count

    def add(
        self, commit: NewCommit, encoded: bytes, deadline: float, unsealed: UnsealedParts = NO_UNSEALED_PARTS
    ) -> PendingAppend:
        """Put the commit behind the one it builds on, or at the head of a chain that is yet to be `start`ed.

        Of two commits that lead to one version the last one counts: whoever adds a third saw that one last.
        Raises ConcurrencyConflict where the commit follows one that nothing can be put behind any more, as it
        was lost: its version may be there all the same, written by another process.
        """
        if self._count >= QUEUE or self._bytes + len(encoded) > QUEUE_BYTES:
            raise Overloaded(f"{self._count} appends are waiting already; try again with a growing pause")
        # A record of a command that changed nothing is no version that others build on.
        stream = commit.stream if commit.events else f"{commit.stream}\0{commit.command_id}"
        key = (commit.tenant, stream)
        chain = self._chains.get(key)
        if chain is None or chain.broken or chain.version != commit.expected:
            chain = None
        if commit.predecessor is not None and (chain is None or chain.last != commit.predecessor):
            raise ConcurrencyConflict(commit.stream, commit.expected, commit.expected)
        if chain is None:
            chain = self._chains[key] = CommitChain(commit.tenant, stream, commit.expected)
        outcome: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        pending = PendingAppend(chain, commit, encoded, deadline, outcome, unsealed)
        chain.version += len(commit.events)
        self._wait(pending, chain.waiting.append)
        return pending

    def start(self, chain: CommitChain) -> None:
        """Let a new chain into the next group."""
        self._ready.append(chain)

    def take(self, now: float) -> list[PendingAppend]:
        """The next group: chains first, their commits in order, then what stands by itself."""
        group: list[PendingAppend] = []
        space = GROUP_BYTES
        while self._ready and len(group) < GROUP:
            chain = self._ready.popleft()
            self._tidy(chain, now)
            while chain.waiting and len(group) < GROUP:
                if len(chain.waiting[0].encoded) > space and group:
                    break
                pending = self._drop(chain.waiting.popleft())
                space -= len(pending.encoded)
                chain.taken.append(pending)
                group.append(pending)
            if chain.waiting and not chain.taken:
                self._ready.appendleft(chain)
                break
            self._forget_if_done(chain)
        group.sort(key=lambda pending: len(pending.chain.taken) == 1)
        return group

    def give_back(self, group: Iterable[PendingAppend]) -> None:
        """The group is over: what has no outcome waits again, in its order and before all others."""
        for chain in dict.fromkeys(pending.chain for pending in group):
            again = [pending for pending in chain.taken if not pending.settled]
            chain.taken.clear()
            for pending in reversed(again):
                self._wait(pending, chain.waiting.appendleft)
            if again:
                self._ready.appendleft(chain)
            elif chain.waiting:
                self._ready.append(chain)
            else:
                self._forget_if_done(chain)

    def _tidy(self, chain: CommitChain, now: float) -> None:
        """Drop what has an outcome, what nobody asks for any more, and what has waited too long."""
        while chain.waiting and chain.waiting[-1].outcome.cancelled():
            # Only from the end: what is left in the middle still carries what builds on it.
            chain.version = self._drop(chain.waiting.pop()).commit.expected
        while chain.waiting and chain.waiting[0].deadline < now:
            late = self._drop(chain.waiting.popleft())
            late.fail(Unavailable("MongoDB did not confirm the append in time; send it again"))
        while chain.waiting and chain.waiting[0].settled:
            self._drop(chain.waiting.popleft())

    def _wait(self, pending: PendingAppend, put: Callable[[PendingAppend], None]) -> None:
        put(pending)
        self._count += 1
        self._bytes += len(pending.encoded)

    def _drop(self, pending: PendingAppend) -> PendingAppend:
        self._count -= 1
        self._bytes -= len(pending.encoded)
        return pending

    def _forget_if_done(self, chain: CommitChain) -> None:
        key = (chain.tenant, chain.stream)
        if not chain.taken and not chain.waiting and self._chains.get(key) is chain:
            del self._chains[key]
