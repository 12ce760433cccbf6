"""The queue of appends, by chain, from which groups are taken."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from domain.dispatch.ports import NewCommit
from domain.kernel import Receipt
from domain.kernel.errors import ConcurrencyConflict, Unavailable
from domain.kernel.limit_errors import Overloaded
from eventstore.appending.pending_append import CommitChain, PendingAppend
from eventstore.options import AppendOptions
from eventstore.personal.sealing import NO_UNSEALED_PARTS, UnsealedParts


class AppendQueue:
    """Queues appends of all streams, and hands out groups for one insert each.

    A chain is in one group at a time, so that its commits land in order over several groups. The order of a
    stream's commands is decided before, by `domain.dispatch.queues`, which knows no groups and no bytes.
    """

    def __init__(self, options: AppendOptions) -> None:
        self._options = options
        self._ready: deque[CommitChain] = deque()
        self._chains: dict[tuple[str, str], CommitChain] = {}
        self._count = 0
        self._bytes = 0

    def __bool__(self) -> bool:
        """Return whether a chain is ready for a group."""
        return bool(self._ready)

    @property
    def is_empty(self) -> bool:
        """Whether no commit is queued, not even behind the commits of its chain that are in flight."""
        return not self._count

    def add(
        self, commit: NewCommit, encoded: bytes, deadline: float, unsealed: UnsealedParts = NO_UNSEALED_PARTS
    ) -> PendingAppend:
        """Queue the commit in the chain that it builds on, or in a new chain, which needs `start`.

        Of two commits that lead to one version the later one counts: a third commit was decided after it.
        Raises Overloaded. Raises ConcurrencyConflict where the commit's `predecessor` is not the last of a
        chain any more: that one was lost, and another process may have written its version.
        """
        options = self._options
        if self._count >= options.queue or self._bytes + len(encoded) > options.queue_bytes:
            raise Overloaded(f"{self._count} appends are waiting already; try again with a growing pause")
        # No commit builds on the record of a command without events, so such a record has its own chain.
        stream = commit.stream if commit.events else f"{commit.stream}\0{commit.command_id}"
        key = (commit.tenant, stream)
        chain = self._chains.get(key)
        if chain is None or chain.broken or chain.version != commit.expected:
            chain = None
        if commit.predecessor is not None and (chain is None or chain.last_command_id != commit.predecessor):
            raise ConcurrencyConflict(commit.stream, commit.expected, commit.expected)
        if chain is None:
            chain = self._chains[key] = CommitChain(commit.tenant, stream, commit.expected)
        outcome: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        append = PendingAppend(chain, commit, encoded, deadline, outcome, unsealed)
        chain.version += len(commit.events)
        self._enqueue(append, chain.queued.append)
        return append

    def start(self, chain: CommitChain) -> None:
        """Make a new chain ready for a group."""
        self._ready.append(chain)

    def take_group(self, now: float) -> list[PendingAppend]:
        """Return the next group: first the commits of chains, in order, then the single commits."""
        group: list[PendingAppend] = []
        size, space = self._options.group, self._options.group_bytes
        while self._ready and len(group) < size:
            chain = self._ready.popleft()
            self._drop_ended(chain, now)
            while chain.queued and len(group) < size:
                if len(chain.queued[0].encoded) > space and group:
                    break
                append = self._dequeue(chain.queued.popleft())
                space -= len(append.encoded)
                chain.in_flight.append(append)
                group.append(append)
            if chain.queued and not chain.in_flight:
                self._ready.appendleft(chain)
                break
            self._forget_if_empty(chain)
        group.sort(key=lambda append: len(append.chain.in_flight) == 1)
        return group

    def return_group(self, group: Iterable[PendingAppend]) -> None:
        """Queue again what ended without an outcome, in its order and before all other commits."""
        for chain in dict.fromkeys(append.chain for append in group):
            unfinished = [append for append in chain.in_flight if not append.has_outcome]
            chain.in_flight.clear()
            for append in reversed(unfinished):
                self._enqueue(append, chain.queued.appendleft)
            if unfinished:
                self._ready.appendleft(chain)
            elif chain.queued:
                self._ready.append(chain)
            else:
                self._forget_if_empty(chain)

    def _drop_ended(self, chain: CommitChain, now: float) -> None:
        """Drop the commits that have an outcome, have no caller any more, or have waited too long."""
        while chain.queued and chain.queued[-1].outcome.cancelled():
            # Only from the end: other commits build on one in the middle.
            chain.version = self._dequeue(chain.queued.pop()).commit.expected
        while chain.queued and chain.queued[0].deadline < now:
            late = self._dequeue(chain.queued.popleft())
            late.fail(Unavailable("MongoDB did not confirm the append in time; send it again"))
        while chain.queued and chain.queued[0].has_outcome:
            self._dequeue(chain.queued.popleft())

    def _enqueue(self, append: PendingAppend, put: Callable[[PendingAppend], None]) -> None:
        put(append)
        self._count += 1
        self._bytes += len(append.encoded)

    def _dequeue(self, append: PendingAppend) -> PendingAppend:
        self._count -= 1
        self._bytes -= len(append.encoded)
        return append

    def _forget_if_empty(self, chain: CommitChain) -> None:
        key = (chain.tenant, chain.stream)
        if not chain.in_flight and not chain.queued and self._chains.get(key) is chain:
            del self._chains[key]
