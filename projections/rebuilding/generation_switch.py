"""The switch from one generation of a view to another, at the same moment for all readers.

The old generation must stand still meanwhile, or a reader could have had more of it than the new one
contains. So its leases are taken over first, and released if the switch does not succeed in a short time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import uuid4

from projections.kernel.view import View
from projections.querying.locator import consumer_name, switch_topic
from projections.rebuilding.rebuild_context import RebuildContext
from subscriptions.consumers.group import CONSUMERS_TOPIC
from subscriptions.consumers.partition_leases import PartitionLease, PartitionLeases
from subscriptions.consumers.state import ConsumerState
from subscriptions.feed.polled_position import PolledPosition
from subscriptions.feed.position_waiters import TopicListener

MAX_STANDSTILL = 2.0
"""Longest time in seconds that the old generation stands still before it may go on."""

POLL_INTERVAL = 0.01
"""Seconds between two looks at the position of the new generation."""


class GenerationSwitch:
    """Makes the generation that `leader` is a lease of the active one.

    It does so only if `is_allowed` returns True while both generations stand at the end of the log.
    """

    def __init__(
        self,
        view: View[Any],
        leader: PartitionLease,
        context: RebuildContext,
        is_allowed: Callable[[], Awaitable[bool]],
        max_standstill: float = MAX_STANDSTILL,
    ) -> None:
        self._consumer = consumer_name(view)
        self._topic = switch_topic(view)
        self._leader = leader
        self._context = context
        self._is_allowed = is_allowed
        self._max_standstill = max_standstill
        name = f"generation {leader.generation} of {self._consumer}"
        # Listens to no topic: the wait is short, and its poll interval shorter than a wake-up takes.
        self._candidate = PolledPosition(name, self._candidate_position, TopicListener(), POLL_INTERVAL)

    async def run(self, state: ConsumerState) -> bool:
        """Try to switch from the active generation of `state`. Raises Unavailable.

        Return False if it was not possible now: everything is as before, and it can be tried again.
        """
        assert state.active is not None
        owner = f"switch:{uuid4().hex[:8]}"
        leases = PartitionLeases(self._context.database, owner, 2 * self._max_standstill)
        if await self._reach_head() is None:
            return False
        taken = await leases.take_over(state, state.active)
        if taken is None:
            return False
        is_done = False
        try:
            is_done = await self._switch_from(taken)
        finally:
            if not is_done:
                await leases.release(taken)
            self._context.wakeups.announce(CONSUMERS_TOPIC, 1)
        return is_done

    async def _switch_from(self, taken: Sequence[PartitionLease]) -> bool:
        # A worker that has lost its lease may still write the batch in hand. All of that batch is in the log
        # before its head is read for the second time, so by then the new generation has it too.
        if await self._reach_head() is None:
            return False
        reached = await self._reach_head()
        if reached is None or not await self._is_allowed():
            return False
        if not await self._context.generations.switch(self._leader, taken, reached):
            return False
        self._context.wakeups.announce(self._topic, self._leader.generation)
        self._context.wakeups.announce(self._consumer, reached)
        return True

    async def _reach_head(self) -> int | None:
        """Return the end of the log once the new generation is there; None if it is not in time."""
        head = await self._context.log.head()
        position = await self._candidate.reach(head, self._max_standstill / 2)
        return head if position >= head else None

    async def _candidate_position(self) -> int:
        state = await self._context.checkpoints.state(self._consumer)
        candidate = state.generations.get(self._leader.generation)
        return 0 if candidate is None else candidate.position
