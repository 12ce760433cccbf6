"""Consumers that no process runs any more, because the settings do not have what they served."""

from __future__ import annotations

from collections.abc import Collection

from domain.kernel.errors import InvariantViolated, NotFound
from domain.kernel.names import declared_name
from eventstore.mongo.driver import Database, time_limit, unavailable_if_down
from projections.storage.indexes import BUILD_LIMIT
from projections.storage.rows import slots_of
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.state import ConsumerState

VIEW = "view."
KINDS = (VIEW, "process.", "policy.", "redis.")
"""Prefixes of the names of consumers that settings declare; webhooks are declared in the log."""


class RetiredConsumers:
    """The consumers that none of the `declared` names has, and of which no worker has a lease."""

    def __init__(self, declared: Collection[str], database: Database) -> None:
        self._declared = frozenset(declared)
        self._database = database

    def contains(self, state: ConsumerState) -> bool:
        """Return whether the consumer in this state is retired."""
        return (
            state.consumer.startswith(KINDS) and state.consumer not in self._declared and not _owners(state)
        )

    async def drop_view(self, name: str) -> str:
        """Remove the rows of a retired view, and its position in the log. Return its declared name.

        Raises NotFound if no worker has built it, InvariantViolated if it is in use, and Unavailable.
        """
        states = await Checkpoints(self._database).states()
        views = [
            consumer.removeprefix(VIEW)
            for consumer, state in states.items()
            if consumer.startswith(VIEW) and state.generations
        ]
        view = declared_name(name, views)
        if view is None:
            raise NotFound(f"no worker has built a view {name!r}")
        state = states[VIEW + view]
        if state.consumer in self._declared:
            raise InvariantViolated(f"the view {name!r} is in use: remove it from `contexts` first")
        if owners := _owners(state):
            workers = " and ".join(owners)
            raise InvariantViolated(
                f"the view {name!r} is in use by {workers}: restart such workers without it first"
            )
        await Generations(self._database).drop(state.consumer)
        with unavailable_if_down(), time_limit(BUILD_LIMIT):
            for slot in slots_of(view):
                await self._database[slot].delete_many({"_generation": {"$lte": state.last}})
        return view


def _owners(state: ConsumerState) -> list[str]:
    """Return the workers that have a lease of the consumer."""
    partitions = [each for generation in state.generations.values() for each in generation.partitions]
    return sorted({partition.owner for partition in partitions if partition.owner is not None})
