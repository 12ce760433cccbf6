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
from projections.rebuilding.comparing import Comparer, Side
from projections.rebuilding.comparison import Comparison
from projections.rebuilding.notes import Notes, Phase
from projections.rebuilding.objections import NewlyParked, newly_parked, objections
from projections.rebuilding.pace import Pace
from projections.rebuilding.site import Site
from projections.rebuilding.switching import Switch
from projections.storage.indexes import prepare, strip
from projections.storage.rows import collection
from subscriptions.consumers.leases import Lease
from subscriptions.consumers.state import UNREAD, Generation, Standing, State

logger = logging.getLogger(__name__)

NEAR = 1_000
"""Positions that a generation may be behind the log to count as caught up."""

SOON = 2.0
"""Or seconds in which it will be there at its pace."""

TICK = 1.0
"""Seconds between two notes, at least."""


class Over(Exception):
    """The lease is lost, or the generation is not being built any more."""


class Rebuild:
    """Of the generation of a view that `leader` is the lease of the first partition of."""

    def __init__(self, view: View[Any], leader: Lease, site: Site) -> None:
        self._view = view
        self._leader = leader
        self._site = site
        self._notes = Notes()
        self._pace: Pace | None = None
        self._told = 0.0

    async def run(self) -> Comparison:
        """Until the generation is the active one; how it compared with the one before.

        Raises Over, and Unavailable: it can be run again then.
        """
        rows = collection(self._site.database, self._view, self._leader.generation)
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
            (_, new), head = await self._look(), await self._site.log.head()
            left = head - new.position
            share = new.events / new.position if new.position else 1.0
            if left <= max(NEAR, self._notes.rate / share * SOON):
                return
            await self._tell(Phase.FOLDING)
            await asyncio.sleep(self._site.tick)

    async def _index(self, rows: Collection) -> None:
        """What was left out while the rows were written for the first time; folding goes on meanwhile."""
        await self._tell(Phase.INDEXING)
        await prepare(rows, self._view)

    async def _compare(self) -> Comparison:
        await self._tell(Phase.COMPARING)
        standing, new = await self._look()
        goal = standing.position
        while new.position < goal:
            await asyncio.sleep(self._site.tick)
            standing, new = await self._look()
        database, view = self._site.database, self._view
        assert standing.active is not None
        old, number = standing.active, new.number

        async def common() -> int:
            seen, building = await self._look()
            return min(seen.position, building.position)

        async def seen(comparison: Comparison) -> None:
            await self._tell(Phase.COMPARING, comparison)

        before = Side(collection(database, view, old), old)
        comparer = Comparer(before, Side(collection(database, view, number), number), common)
        return await comparer.run(seen)

    async def _may_switch(self, comparison: Comparison) -> bool:
        """Whether nothing speaks against the switch, or it is approved; else the generation is held."""
        standing, new = await self._look()
        if new.approved:
            return True
        old = _active(standing)
        found = objections(old, new, comparison, await self._newly_parked(old, new))
        if not found:
            return True
        if new.state is not State.HELD or found != self._notes.objections:
            self._notes = replace(self._notes, objections=found)
            if await self._site.generations.hold(self._leader, self._notes.to_document()):
                logger.warning(
                    "view %s: generation %d is held, and %d is read: %s; deploy a correction, or let it be "
                    "read as it is: nerve views switch %s",
                    self._view.name, new.number, old.number, " and ".join(found), self._view.name,
                )  # fmt: skip
        await asyncio.sleep(self._site.tick)
        return False

    async def _newly_parked(self, old: Generation, new: Generation) -> NewlyParked:
        return await newly_parked(self._view, self._site.database, old.number, new.number)

    async def _switch(self, comparison: Comparison) -> bool:
        standing, new = await self._look()
        old = _active(standing)

        async def allowed() -> bool:
            return new.approved or not (await self._newly_parked(old, new)).events

        same = old.code == new.code and comparison.equal and not comparison.moving
        number, since = edition(standing) if same else (new.number, 0)
        self._notes = replace(self._notes, edition=number, since=since)
        await self._tell(Phase.SWITCHING)
        return await Switch(self._view, self._leader, self._site, allowed).run(standing)

    async def _look(self) -> tuple[Standing, Generation]:
        """How all stands, and the generation; raises Over where it is not this one's to see through."""
        standing = await self._site.checkpoints.standing(consumer_name(self._view))
        found = standing.generations.get(self._leader.generation)
        if found is None or found.state not in UNREAD:
            raise Over
        if found.partitions[self._leader.partition.number].epoch != self._leader.epoch:
            raise Over
        now = time.monotonic()
        self._pace = self._pace or Pace(found.events, now)
        self._pace.see(found.events, now)
        return standing, found

    async def _tell(self, phase: Phase, comparison: Comparison | None = None) -> None:
        """Note it, at once where the phase is another, and else not more often than anybody would look."""
        same = phase is self._notes.phase
        rate = self._pace.rate if self._pace else 0.0
        comparison = comparison or self._notes.comparison
        self._notes = replace(self._notes, phase=phase, rate=rate, comparison=comparison)
        if same and time.monotonic() < self._told + TICK:
            return
        self._told = time.monotonic()
        if not await self._site.generations.note(self._leader, self._notes.to_document()):
            raise Over


def _active(standing: Standing) -> Generation:
    assert standing.active is not None
    return standing.generations[standing.active]
