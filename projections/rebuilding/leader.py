"""What the holder of a generation's first partition does beside folding.

That of the active one begins a rebuild where its code would make other rows, and keeps its indexes as they
are declared; that of one that is built sees it through. Code that is new begins its rebuild without that.
"""

from __future__ import annotations

import logging
from typing import Any

from domain.kernel.errors import InvariantViolated
from projections.kernel.row_fields import row_fields
from projections.kernel.view import View
from projections.querying.leftovers import clear_leftovers
from projections.querying.locator import consumer_name
from projections.rebuilding.rebuild import LeaseLost, Rebuild
from projections.rebuilding.rebuild_context import RebuildContext
from projections.storage.fingerprint import view_fingerprint
from projections.storage.indexes import prepare
from projections.storage.rows import collection
from subscriptions.consumers.group import TOPIC
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.consumers.state import ConsumerState, GenerationState

logger = logging.getLogger(__name__)


class RebuildLeader:
    """Leads the generations of views, one call each. `partitions` is how many those get that it begins."""

    def __init__(self, context: RebuildContext, partitions: int = 1) -> None:
        self._context = context
        self._partitions = partitions

    async def __call__(self, view: View[Any], lease: PartitionLease) -> None:
        """Returns when there is nothing more to do for this generation. Raises Unavailable."""
        await clear_leftovers(view, self._context.database)
        state = await self._context.checkpoints.state(consumer_name(view))
        if state.active == lease.generation:
            while not await self._begin_if_changed(view, state):
                state = await self._context.checkpoints.state(consumer_name(view))
            # What is declared anew is made beside folding, which goes on.
            await prepare(collection(self._context.database, view, lease.generation), view)
        else:
            await self._see_through(view, lease)
            await clear_leftovers(view, self._context.database)

    async def observe(self, view: View[Any], code: str, state: ConsumerState) -> None:
        """Begin a rebuild by this code if it is new, while workers of the old version run.

        Code that is not new begins none as long as those run: versions have no order, and two that run at
        the same time would take turns. Raises Unavailable.
        """
        if state.active is not None and not state.is_known(code):
            await self._begin_if_changed(view, state)

    async def _begin_if_changed(self, view: View[Any], state: ConsumerState) -> bool:
        """Whether all is done; False where somebody else has changed something meanwhile."""
        active = state.generations.get(state.active or 0)
        code, name, generations = view_fingerprint(view), consumer_name(view), self._context.generations
        if active is None or active.code == code:
            return True
        known = [one for one in state.generations.values() if one.code == code]
        if any(one.state is not GenerationState.KEPT for one in known):
            # It is being built or held, or somebody has cancelled that.
            return True
        try:
            if candidate := state.candidate:
                await generations.cancel(name, candidate.number)
            if known:
                number = known[0].number
                await generations.resume(name, number)
            else:
                number = await generations.begin(name, code, self._partitions, row_fields(view))
        except InvariantViolated:
            return False
        self._context.wakeups.announce(TOPIC, 1)
        logger.warning(
            "the code of view %s has changed: generation %d of its rows is %s, and %d is read until then",
            view.name, number, "brought up to date" if known else "built", active.number,
        )  # fmt: skip
        return True

    async def _see_through(self, view: View[Any], lease: PartitionLease) -> None:
        logger.info("view %s: generation %d is being built", view.name, lease.generation)
        try:
            found = await Rebuild(view, lease, self._context).run()
        except LeaseLost:
            logger.info("view %s: generation %d is left to others", view.name, lease.generation)
            return
        logger.info(
            "view %s: generation %d is read from now on; of its rows %d are as before, %d differ, "
            "%d are missing, %d are new",
            view.name, lease.generation, found.same, found.different, found.missing, found.extra,
        )  # fmt: skip
