"""Seeing one rebuild through: until it has caught up, through its indexes and its comparison, to the switch.

Whoever holds the lease of a generation's first partition does this, beside those who fold. Each step may be
begun again by another at any moment, so one that dies costs time and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import Any

from eventstore.mongo.driver import Collection
from projections.kernel.view import View
from projections.querying.locator import consumer_name, edition
from projections.rebuilding.comparer import GenerationComparer, GenerationRows
from projections.rebuilding.comparison import Comparison
from projections.rebuilding.generation_switch import GenerationSwitch
from projections.rebuilding.objections import NewDeadLetters, new_dead_letters, objections
from projections.rebuilding.progress_rate import ProgressRate
from projections.rebuilding.rebuild_context import RebuildContext
from projections.rebuilding.rebuild_progress import RebuildPhase, RebuildProgress
from projections.storage.indexes import prepare, strip
from projections.storage.rows import collection
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.consumers.state import CANDIDATE_STATES, ConsumerState, Generation, GenerationState

logger = logging.getLogger(__name__)

NEAR = 1_000
"""Positions that a generation may be behind the log to count as caught up."""

SOON = 2.0
"""Or seconds in which it will be there at its pace."""

TICK = 1.0
"""Seconds between two notes, at least."""


class LeaseLost(Exception):
    """The lease is lost, or the generation is not being built any more."""


class Rebuild:
    """Of the generation of a view that `leader` is the lease of the first partition of."""

    def __init__(self, view: View[Any], leader: PartitionLease, context: RebuildContext) -> None:
        self._view = view
        self._leader = leader
        self._context = context
        self._progress = RebuildProgress()
        self._rate: ProgressRate | None = None
        self._told = 0.0

    async def run(self) -> Comparison:
        """Until the generation is the active one; how it compared with the one before.

        Raises LeaseLost, and Unavailable: it can be run again then.
        """
        rows = collection(self._context.database, self._view, self._leader.generation)
        _, found = await self._look()
        if found.position == 0:
            await strip(rows)
        await self._catch_up()
        await self._index(rows)
        await self._catch_up()
        comparison = await self._compare()
        while not (await self._may_switch(comparison) and await self._switch(comparison)):
            await self._catch_up()
        return comparison

    async def _catch_up(self) -> None:
        """Until there is little left to fold."""
        while True:
            (_, new), head = await self._look(), await self._context.log.head()
            left = head - new.position
            share = new.events / new.position if new.position else 1.0
            if left <= max(NEAR, self._progress.rate / share * SOON):
                return
            await self._tell(RebuildPhase.FOLDING)
            await asyncio.sleep(self._context.tick)

    async def _index(self, rows: Collection) -> None:
        """What was left out while the rows were written for the first time; folding goes on meanwhile."""
        await self._tell(RebuildPhase.INDEXING)
        await prepare(rows, self._view)

    async def _compare(self) -> Comparison:
        await self._tell(RebuildPhase.COMPARING)
        state, new = await self._look()
        goal = state.position
        while new.position < goal:
            await asyncio.sleep(self._context.tick)
            state, new = await self._look()
        database, view = self._context.database, self._view
        assert state.active is not None
        old, number = state.active, new.number

        async def common() -> int:
            seen, building = await self._look()
            return min(seen.position, building.position)

        async def seen(comparison: Comparison) -> None:
            await self._tell(RebuildPhase.COMPARING, comparison)

        before = GenerationRows(collection(database, view, old), old)
        comparer = GenerationComparer(
            before, GenerationRows(collection(database, view, number), number), common
        )
        return await comparer.run(seen)

    async def _may_switch(self, comparison: Comparison) -> bool:
        """Whether nothing speaks against the switch, or it is approved; else the generation is held."""
        state, new = await self._look()
        if new.approved:
            return True
        old = _active(state)
        found = objections(old, new, comparison, await self._newly_parked(old, new))
        if not found:
            return True
        if new.state is not GenerationState.HELD or found != self._progress.objections:
            self._progress = replace(self._progress, objections=found)
            if await self._context.generations.hold(self._leader, self._progress.to_document()):
                logger.warning(
                    "view %s: generation %d is held, and %d is read: %s; deploy a correction, or let it be "
                    "read as it is: nerve views switch %s",
                    self._view.name, new.number, old.number, " and ".join(found), self._view.name,
                )  # fmt: skip
        await asyncio.sleep(self._context.tick)
        return False

    async def _newly_parked(self, old: Generation, new: Generation) -> NewDeadLetters:
        return await new_dead_letters(self._view, self._context.database, old.number, new.number)

    async def _switch(self, comparison: Comparison) -> bool:
        state, new = await self._look()
        old = _active(state)

        async def allowed() -> bool:
            return new.approved or not (await self._newly_parked(old, new)).events

        same = old.code == new.code and comparison.equal and not comparison.moving
        number, since = edition(state) if same else (new.number, 0)
        self._progress = replace(self._progress, edition=number, since=since)
        await self._tell(RebuildPhase.SWITCHING)
        return await GenerationSwitch(self._view, self._leader, self._context, allowed).run(state)

    async def _look(self) -> tuple[ConsumerState, Generation]:
        """How all stands, and the generation; raises LeaseLost where it is not this one's to see through."""
        state = await self._context.checkpoints.state(consumer_name(self._view))
        found = state.generations.get(self._leader.generation)
        if found is None or found.state not in CANDIDATE_STATES:
            raise LeaseLost
        if found.partitions[self._leader.partition.number].epoch != self._leader.epoch:
            raise LeaseLost
        now = time.monotonic()
        self._rate = self._rate or ProgressRate(found.events, now)
        self._rate.see(found.events, now)
        return state, found

    async def _tell(self, phase: RebuildPhase, comparison: Comparison | None = None) -> None:
        """Note it, at once where the phase is another, and else not more often than anybody would look."""
        same = phase is self._progress.phase
        rate = self._rate.rate if self._rate else 0.0
        comparison = comparison or self._progress.comparison
        self._progress = replace(self._progress, phase=phase, rate=rate, comparison=comparison)
        if same and time.monotonic() < self._told + TICK:
            return
        self._told = time.monotonic()
        if not await self._context.generations.note(self._leader, self._progress.to_document()):
            raise LeaseLost


def _active(state: ConsumerState) -> Generation:
    assert state.active is not None
    return state.generations[state.active]
