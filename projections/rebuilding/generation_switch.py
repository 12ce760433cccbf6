"""The switch from one generation of a view to another, at once for all who read.

Nobody may move the old generation while that happens, or a reader could have had more of it than the new one
has. So its leases are taken over first: for a short time, since it stands still until they are given back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import uuid4

from projections.kernel.view import View
from projections.querying.locator import consumer_name, switch_topic
from projections.rebuilding.rebuild_context import RebuildContext
from subscriptions.consumers.group import TOPIC
from subscriptions.consumers.partition_leases import PartitionLease, PartitionLeases
from subscriptions.consumers.state import ConsumerState

WITHIN = 2.0
"""Seconds that the old generation stands still at most, before it is let go on."""

LOOK = 0.01
"""Seconds between two looks at how far the new one is."""


class GenerationSwitch:
    """Puts the generation that `leader` is a lease of in the place of the active one.

    That is done only if it is `allowed` while both stand at the end of the log.
    """

    def __init__(
        self,
        view: View[Any],
        leader: PartitionLease,
        context: RebuildContext,
        allowed: Callable[[], Awaitable[bool]],
    ) -> None:
        self._consumer = consumer_name(view)
        self._topic = switch_topic(view)
        self._leader = leader
        self._context = context
        self._allowed = allowed

    async def run(self, seen: ConsumerState) -> bool:
        """Whether it was done; otherwise all is as before, and it can be tried again. Raises Unavailable."""
        assert seen.active is not None
        leases = PartitionLeases(self._context.database, f"switch:{uuid4().hex[:8]}", 2 * WITHIN)
        if await self._reach_head() is None:
            return False
        if (held := await leases.take_over(seen, seen.active)) is None:
            return False
        done = False
        try:
            done = await self._change_over(held)
        finally:
            if not done:
                await leases.release(held)
            self._context.wakeups.announce(TOPIC, 1)
        return done

    async def _change_over(self, held: Sequence[PartitionLease]) -> bool:
        # Who has lost the lease may still write the batch that it had in hand; by the second time it has read
        # nothing that the new generation has not.
        if await self._reach_head() is None or (reached := await self._reach_head()) is None:
            return False
        if not await self._allowed():
            return False
        if not await self._context.generations.switch(self._leader, held, reached):
            return False
        self._context.wakeups.announce(self._topic, self._leader.generation)
        self._context.wakeups.announce(self._consumer, reached)
        return True

    async def _reach_head(self) -> int | None:
        """The end of the log, once the new generation is there; None where it is not in time."""
        head, end = await self._context.log.head(), time.monotonic() + WITHIN / 2
        while await self._position() < head:
            if time.monotonic() > end:
                return None
            await asyncio.sleep(LOOK)
        return head

    async def _position(self) -> int:
        state = await self._context.checkpoints.state(self._consumer)
        found = state.generations.get(self._leader.generation)
        return 0 if found is None else found.position
