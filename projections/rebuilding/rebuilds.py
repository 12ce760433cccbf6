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
from projections.storage.fingerprint import view_fingerprint
from projections.storage.indexes import BUILD_LIMIT
from projections.storage.rows import collection
from subscriptions.consumers.group import TOPIC
from subscriptions.consumers.state import CANDIDATE_STATES, Generation, GenerationState


class Rebuilds:
    """Of `views`. Workers do what is asked for here.

    A view goes by its name in the API too. Every method raises NotFound for a name that is no view's, and
    Unavailable.
    """

    def __init__(self, views: Sequence[View[Any]], context: RebuildContext, partitions: int = 1) -> None:
        self._views = {view.name: view for view in views}
        self._context = context
        self._partitions = partitions
        self.lead = RebuildLeader(context, partitions)
        """What a worker has to do for rebuilds; see `subscriptions.consumers.group.ConsumerDefinition`."""
        self.observe = self.lead.observe
        """What it does where its code is new; see there too."""

    async def status(self, names: Iterable[str] | None = None) -> list[ViewStatus]:
        """How these views are, or all."""
        views = list(self._views.values()) if names is None else [self._view(name) for name in names]
        head = await self._context.log.head()
        states = await self._context.checkpoints.states(map(consumer_name, views))
        return [to_status(view.name, states[consumer_name(view)], head) for view in views]

    async def begin(self, name: str) -> int:
        """Build the view anew beside the rows that are read; the number of the generation.

        Raises InvariantViolated where it is being built already, NotFound also where no worker has ever run.
        """
        view = self._view(name)
        state = await self._context.checkpoints.state(consumer_name(view))
        if state.active is None:
            raise NotFound(f"the view {name!r} has no rows yet; `nerve worker` builds them, and none has run")
        if candidate := state.candidate:
            raise InvariantViolated(_candidate(name, candidate))
        code = view_fingerprint(view)
        begun = (consumer_name(view), code, self._partitions, row_fields(view))
        number = await self._context.generations.begin(*begun)
        self._context.wakeups.announce(TOPIC, 1)
        return number

    async def cancel(self, name: str) -> int:
        """Stop the view's rebuild; the number of the generation, which can be resumed. It may be held.

        Raises NotFound where there is none.
        """
        found = await self._find(name, *CANDIDATE_STATES)
        await self._context.generations.cancel(consumer_name(self._view(name)), found.number)
        self._context.wakeups.announce(TOPIC, 1)
        return found.number

    async def resume(self, name: str) -> int:
        """Go on with a rebuild that was cancelled, from where it was; the number of the generation.

        Raises NotFound where there is none.
        """
        found = await self._find(name, GenerationState.CANCELLED)
        await self._context.generations.resume(consumer_name(self._view(name)), found.number)
        self._context.wakeups.announce(TOPIC, 1)
        return found.number

    async def switch(self, name: str) -> int:
        """Approve of the generation that is held: a worker switches to it, as it is. Its number.

        Raises NotFound where none is held.
        """
        found = await self._find(name, GenerationState.HELD)
        await self._context.generations.approve(consumer_name(self._view(name)), found.number)
        self._context.wakeups.announce(TOPIC, 1)
        return found.number

    async def forget(self, name: str) -> list[int]:
        """Let go of the rows that nobody reads: of the generation before, and of a cancelled rebuild.

        The numbers of those generations.
        """
        view = self._view(name)
        state = await self._context.checkpoints.state(consumer_name(view))
        over = [one.number for one in state.generations.values() if not one.state.running]
        for number in over:
            await self._context.generations.forget(consumer_name(view), number)
            with unavailable_if_down(), time_limit(BUILD_LIMIT):
                rows = collection(self._context.database, view, number)
                await rows.delete_many({"_generation": {"$lte": number}})
        return over

    async def _find(self, name: str, *states: GenerationState) -> Generation:
        """The latest generation in one of these states. Raises NotFound, which names the first of them."""
        state = await self._context.checkpoints.state(consumer_name(self._view(name)))
        found = next(filter(None, map(state.of_state, states)), None)
        if found is None:
            raise NotFound(f"the view {name!r} has no rebuild that is {states[0].lower()}")
        return found

    def _view(self, name: str) -> View[Any]:
        declared = declared_name(name, self._views)
        if declared is None:
            known = ", ".join(map(client_name, self._views))
            raise NotFound(f"there is no view {name!r}; there are {known}")
        return self._views[declared]


def _candidate(name: str, generation: Generation) -> str:
    if generation.state is GenerationState.HELD:
        return f"generation {generation.number} of {name} is held; switch to it, or cancel it first"
    return f"generation {generation.number} of {name} is being built already"
