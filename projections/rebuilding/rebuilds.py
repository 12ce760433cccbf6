"""What people do with the generations of views, through the command line and the API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from domain.kernel.errors import InvariantViolated, NotFound
from domain.kernel.names import client_name, declared_name
from eventstore.mongo.driver import time_limit, unavailable_if_down
from projections.kernel.row_fields import row_fields
from projections.kernel.view import View
from projections.querying.locator import consumer_name
from projections.rebuilding.leader import RebuildLeader
from projections.rebuilding.rebuild_context import RebuildContext
from projections.rebuilding.status import ViewStatus, to_status
from projections.storage.indexes import BUILD_LIMIT
from projections.storage.rows import collection
from projections.storage.view_fingerprint import view_fingerprint
from subscriptions.consumers.group import CONSUMERS_TOPIC
from subscriptions.consumers.state import CANDIDATE_STATES, Generation, GenerationState


class Rebuilds:
    """The rebuilds of `views`: requests for workers, which carry them out, and their status.

    A view may be given by its name in the API. Every method raises NotFound for an unknown view, and
    Unavailable.
    """

    def __init__(self, views: Sequence[View[Any]], context: RebuildContext, partitions: int = 1) -> None:
        self._views = {view.name: view for view in views}
        self._context = context
        self._partitions = partitions
        self.leader = RebuildLeader(context, partitions)
        """What a worker does for rebuilds."""

    async def status(self, names: Iterable[str] | None = None) -> list[ViewStatus]:
        """Return the status of these views, or of all."""
        views = list(self._views.values()) if names is None else [self._view(name) for name in names]
        head = await self._context.log.head()
        states = await self._context.checkpoints.states(map(consumer_name, views))
        return [to_status(view.name, states[consumer_name(view)], head) for view in views]

    async def begin(self, name: str) -> int:
        """Rebuild the view next to the rows that are read. Return the number of the new generation.

        Raises InvariantViolated if it is being rebuilt already, and NotFound also if no worker has ever run.
        """
        view = self._view(name)
        state = await self._context.checkpoints.state(consumer_name(view))
        if state.active is None:
            raise NotFound(f"the view {name!r} has no rows yet; `nerve worker` builds them, and none has run")
        if candidate := state.candidate:
            raise InvariantViolated(_is_candidate(name, candidate))
        number = await self._context.generations.begin(
            consumer_name(view), view_fingerprint(view), self._partitions, row_fields(view)
        )
        self._context.wakeups.announce(CONSUMERS_TOPIC, 1)
        return number

    async def cancel(self, name: str) -> int:
        """Stop the view's rebuild, also one that is held. Return its number; it can be resumed.

        Raises NotFound if there is none.
        """
        generation = await self._find(name, *CANDIDATE_STATES)
        await self._context.generations.cancel(consumer_name(self._view(name)), generation.number)
        self._context.wakeups.announce(CONSUMERS_TOPIC, 1)
        return generation.number

    async def resume(self, name: str) -> int:
        """Continue a cancelled rebuild from where it was. Return its number.

        Raises NotFound if there is none.
        """
        generation = await self._find(name, GenerationState.CANCELLED)
        await self._context.generations.resume(consumer_name(self._view(name)), generation.number)
        self._context.wakeups.announce(CONSUMERS_TOPIC, 1)
        return generation.number

    async def switch(self, name: str) -> int:
        """Approve the generation that is held: a worker makes it the active one. Return its number.

        Raises NotFound if none is held.
        """
        generation = await self._find(name, GenerationState.HELD)
        await self._context.generations.approve(consumer_name(self._view(name)), generation.number)
        self._context.wakeups.announce(CONSUMERS_TOPIC, 1)
        return generation.number

    async def forget(self, name: str) -> list[int]:
        """Remove the rows that are not read: those of the former generation and of a cancelled rebuild.

        Return the numbers of the removed generations.
        """
        view = self._view(name)
        state = await self._context.checkpoints.state(consumer_name(view))
        stopped = [
            generation.number for generation in state.generations.values() if not generation.state.running
        ]
        for number in stopped:
            await self._context.generations.remove(consumer_name(view), number)
            with unavailable_if_down(), time_limit(BUILD_LIMIT):
                rows = collection(self._context.database, view, number)
                await rows.delete_many({"_generation": {"$lte": number}})
        return stopped

    async def _find(self, name: str, *states: GenerationState) -> Generation:
        """Return the latest generation in the first of these states that there is one in. Raises NotFound."""
        consumer = await self._context.checkpoints.state(consumer_name(self._view(name)))
        for state in states:
            if (generation := consumer.of_state(state)) is not None:
                return generation
        raise NotFound(f"the view {name!r} has no rebuild that is {states[0].lower()}")

    def _view(self, name: str) -> View[Any]:
        declared = declared_name(name, self._views)
        if declared is None:
            names = ", ".join(map(client_name, self._views))
            raise NotFound(f"there is no view {name!r}; there are {names}")
        return self._views[declared]


def _is_candidate(name: str, generation: Generation) -> str:
    if generation.state is GenerationState.HELD:
        return f"generation {generation.number} of {name} is held; switch to it, or cancel it first"
    return f"generation {generation.number} of {name} is being built already"
