"""The worker that keeps views up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from eventstore.driver import Database, unavailable_if_down
from projections.projecting.projector import Projector
from projections.rows import slots
from projections.standing import consumer_name
from projections.view import View
from subscriptions.consuming.checkpoints import Checkpoints
from subscriptions.consuming.consumer import Handler
from subscriptions.consuming.generations import Generations
from subscriptions.consuming.group import LEASE_TIME, Group
from subscriptions.feed import Feed
from subscriptions.wakeups import Wakeups

Around = Callable[[str, Handler], Handler]
"""Wraps the handler of the consumer of this name."""


class ViewWorker:
    """Keeps views up to date, all from one feed, beside other workers. `around` wraps each handler.

    `tick` and `lease_time`: see `Group`.
    """

    def __init__(
        self,
        views: Sequence[View[Any]],
        database: Database,
        feed: Feed,
        checkpoints: Checkpoints,
        wakeups: Wakeups,
        *,
        tick: float,
        lease_time: float = LEASE_TIME,
        around: Around = lambda _consumer, handler: handler,
    ) -> None:
        def handler(view: View[Any]) -> Handler:
            return around(consumer_name(view), Projector(view, database, feed.log))

        handlers = {consumer_name(view): partial(handler, view) for view in views}
        self._group = Group(handlers, database, feed, checkpoints, wakeups, tick=tick, lease_time=lease_time)

    async def start(self) -> None:
        """Begin to project in the background."""
        await self._group.start()

    async def stop(self) -> None:
        """Finish the batches in hand, and stop."""
        await self._group.stop()


async def drop_view(view: View[Any], database: Database) -> None:
    """Forget the view's rows and how far it was: a worker that runs, or the next one, builds it from zero."""
    dropped = await Generations(database).drop(consumer_name(view))
    with unavailable_if_down():
        for slot in slots(view):
            # A worker may be building the next generation already.
            await database[slot].delete_many({"_generation": {"$lte": dropped.last}})
