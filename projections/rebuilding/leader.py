"""The leader of a view's generation: the process that has the lease of its first partition.

The leader of the active generation begins a rebuild if its code would make other rows, and keeps the indexes
as they are declared. The leader of a generation that is being built runs its rebuild. A process with new code
begins a rebuild without being a leader.
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
from projections.storage.indexes import update_query_indexes
from projections.storage.rows import collection
from projections.storage.view_fingerprint import view_fingerprint
from subscriptions.consumers.group import CONSUMERS_TOPIC
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.consumers.state import ConsumerState, GenerationState

logger = logging.getLogger(__name__)


class RebuildLeader:
    """Leads the generations of views. A generation that it begins has so many `partitions`."""

    def __init__(self, context: RebuildContext, partitions: int = 1) -> None:
        self._context = context
        self._partitions = partitions

    async def lead(self, view: View[Any], lease: PartitionLease) -> None:
        """Do all that the generation of this lease needs, and return then. Raises Unavailable."""
        await clear_leftovers(view, self._context.database)
        state = await self._context.checkpoints.state(consumer_name(view))
        if state.active == lease.generation:
            while not await self._begin_if_changed(view, state):
                state = await self._context.checkpoints.state(consumer_name(view))
            # Newly declared indexes are created while folding goes on.
            await update_query_indexes(collection(self._context.database, view, lease.generation), view)
        else:
            await self._rebuild(view, lease)
            await clear_leftovers(view, self._context.database)

    async def observe(self, view: View[Any], code: str, state: ConsumerState) -> None:
        """Begin a rebuild by this code if it is new, even while workers of an older version run.

        Known code begins no rebuild as long as those run: versions have no order, and two that run at the
        same time would rebuild in turn for ever. Raises Unavailable.
        """
        if state.active is not None and not state.is_known(code):
            await self._begin_if_changed(view, state)

    async def _begin_if_changed(self, view: View[Any], state: ConsumerState) -> bool:
        """Begin or resume a rebuild if the code has changed; False if another process was faster."""
        active = state.generations.get(state.active or 0)
        code, name, generations = view_fingerprint(view), consumer_name(view), self._context.generations
        if active is None or active.code == code:
            return True
        same_code = [generation for generation in state.generations.values() if generation.code == code]
        if any(generation.state is not GenerationState.KEPT for generation in same_code):
            # It is being built or held, or a person has cancelled it.
            return True
        try:
            if candidate := state.candidate:
                await generations.cancel(name, candidate.number)
            if same_code:
                number = same_code[0].number
                await generations.resume(name, number)
            else:
                number = await generations.begin(name, code, self._partitions, row_fields(view))
        except InvariantViolated:
            return False
        self._context.wakeups.announce(CONSUMERS_TOPIC, 1)
        logger.warning(
            "the code of view %s has changed: generation %d of its rows is %s, and %d is read until then",
            view.name, number, "brought up to date" if same_code else "built", active.number,
        )  # fmt: skip
        return True

    async def _rebuild(self, view: View[Any], lease: PartitionLease) -> None:
        logger.info("view %s: generation %d is being built", view.name, lease.generation)
        try:
            comparison = await Rebuild(view, lease, self._context).run()
        except LeaseLost:
            logger.info("view %s: generation %d is left to other workers", view.name, lease.generation)
            return
        logger.info(
            "view %s: generation %d is read from now on; of its rows %d are as before, %d differ, "
            "%d are missing, %d are new",
            view.name, lease.generation,
            comparison.same, comparison.different, comparison.missing, comparison.extra,
        )  # fmt: skip
