"""One rebuild, step by step: catching up, indexes, comparison, and the switch.

The process that has the lease of a generation's first partition runs it, while workers fold. Each
step may be begun again by another process at any moment, so a crash costs time and nothing else.
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
from projections.storage.indexes import remove_query_indexes, update_query_indexes
from projections.storage.rows import collection
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.consumers.state import CANDIDATE_STATES, ConsumerState, Generation, GenerationState

logger = logging.getLogger(__name__)

NEAR = 1_000
"""Most positions that a generation is behind the log when it counts as caught up."""

SOON = 2.0
"""Or the seconds in which it will be at the end of the log at its rate."""

SAVE_INTERVAL = 1.0
"""Least seconds between two saves of the progress in one phase."""


class LeaseLost(Exception):
    """This process has lost the lease, or the generation is not being built any more."""


class Rebuild:
    """The rebuild of one generation of a view. `leader` is the lease of its first partition."""

    def __init__(self, view: View[Any], leader: PartitionLease, context: RebuildContext) -> None:
        self._view = view
        self._leader = leader
        self._context = context
        self._progress = RebuildProgress()
        self._rate: ProgressRate | None = None
        self._saved_at = 0.0

    async def run(self) -> Comparison:
        """Rebuild until the generation is the active one. Return its comparison with the former one.

        Raises LeaseLost, and Unavailable, after which it can be run again.
        """
        rows = collection(self._context.database, self._view, self._leader.generation)
        _, candidate = await self._look()
        if candidate.position == 0:
            await remove_query_indexes(rows)
        await self._catch_up()
        await self._index(rows)
        await self._catch_up()
        comparison = await self._compare()
        while not (await self._may_switch(comparison) and await self._switch(comparison)):
            await self._catch_up()
        return comparison

    async def _catch_up(self) -> None:
        """Wait until there is little left to fold."""
        while True:
            (_, candidate), head = await self._look(), await self._context.log.head()
            events_per_position = candidate.events / candidate.position if candidate.position else 1.0
            if head - candidate.position <= max(NEAR, self._progress.rate / events_per_position * SOON):
                return
            await self._save_progress(RebuildPhase.FOLDING)
            await asyncio.sleep(self._context.tick)

    async def _index(self, rows: Collection) -> None:
        """Create the indexes that were left out while the rows were first written; folding goes on."""
        await self._save_progress(RebuildPhase.INDEXING)
        await update_query_indexes(rows, self._view)

    async def _compare(self) -> Comparison:
        await self._save_progress(RebuildPhase.COMPARING)
        state, candidate = await self._look()
        goal = state.position
        while candidate.position < goal:
            await asyncio.sleep(self._context.tick)
            state, candidate = await self._look()
        active = _active(state)

        async def common_position() -> int:
            state, candidate = await self._look()
            return min(state.position, candidate.position)

        async def save_counts(comparison: Comparison) -> None:
            await self._save_progress(RebuildPhase.COMPARING, comparison)

        old, new = self._rows_of(active), self._rows_of(candidate)
        return await GenerationComparer(old, new, common_position).run(save_counts)

    def _rows_of(self, generation: Generation) -> GenerationRows:
        rows = collection(self._context.database, self._view, generation.number)
        return GenerationRows(rows, generation.number)

    async def _may_switch(self, comparison: Comparison) -> bool:
        """Return whether nothing speaks against the switch, or it is approved; else hold the generation."""
        state, candidate = await self._look()
        if candidate.approved:
            return True
        active = _active(state)
        dead_letters = await self._new_dead_letters(active, candidate)
        reasons = objections(active, candidate, comparison, dead_letters)
        if not reasons:
            return True
        if candidate.state is not GenerationState.HELD or reasons != self._progress.objections:
            self._progress = replace(self._progress, objections=reasons)
            if await self._context.generations.hold(self._leader, self._progress.to_document()):
                logger.warning(
                    "view %s: generation %d is held, and %d is still read: %s; deploy a correction, or "
                    "switch to it as it is: nerve views switch %s",
                    self._view.name, candidate.number, active.number, " and ".join(reasons), self._view.name,
                )  # fmt: skip
        await asyncio.sleep(self._context.tick)
        return False

    async def _new_dead_letters(self, active: Generation, candidate: Generation) -> NewDeadLetters:
        database = self._context.database
        return await new_dead_letters(self._view, database, active.number, candidate.number)

    async def _switch(self, comparison: Comparison) -> bool:
        state, candidate = await self._look()
        active = _active(state)

        async def is_allowed() -> bool:
            return candidate.approved or not (await self._new_dead_letters(active, candidate)).events

        has_same_code = active.code == candidate.code
        if has_same_code and comparison.equal and not comparison.moving:
            number, since = edition(state)
        else:
            number, since = candidate.number, 0
        self._progress = replace(self._progress, edition=number, since=since)
        await self._save_progress(RebuildPhase.SWITCHING)
        return await GenerationSwitch(self._view, self._leader, self._context, is_allowed).run(state)

    async def _look(self) -> tuple[ConsumerState, Generation]:
        """Read the state and the generation. Raises LeaseLost if this process may not rebuild it."""
        state = await self._context.checkpoints.state(consumer_name(self._view))
        candidate = state.generations.get(self._leader.generation)
        if candidate is None or candidate.state not in CANDIDATE_STATES:
            raise LeaseLost
        if candidate.partitions[self._leader.partition.number].epoch != self._leader.epoch:
            raise LeaseLost
        now = time.monotonic()
        self._rate = self._rate or ProgressRate(candidate.events, now)
        self._rate.update(candidate.events, now)
        return state, candidate

    async def _save_progress(self, phase: RebuildPhase, comparison: Comparison | None = None) -> None:
        """Save the progress: at once in a new phase, and else not more often than people look at it."""
        is_same_phase = phase is self._progress.phase
        rate = self._rate.rate if self._rate else 0.0
        comparison = comparison or self._progress.comparison
        self._progress = replace(self._progress, phase=phase, rate=rate, comparison=comparison)
        if is_same_phase and time.monotonic() < self._saved_at + SAVE_INTERVAL:
            return
        self._saved_at = time.monotonic()
        if not await self._context.generations.save_notes(self._leader, self._progress.to_document()):
            raise LeaseLost


def _active(state: ConsumerState) -> Generation:
    assert state.active is not None
    return state.generations[state.active]
