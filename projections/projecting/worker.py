"""The worker that keeps views up to date."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from eventstore.fingerprint import same_fold
from eventstore.mongo.driver import Database
from projections.kernel.row_fields import row_fields
from projections.kernel.view import View
from projections.projecting.projector import Projector
from projections.querying.leftovers import clear_leftovers
from projections.querying.locator import consumer_name, rows_topic
from projections.storage.fingerprint import view_fingerprint
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.consumer import CommitHandler
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.group import LEASE_TIME, ConsumerDefinition, ConsumerGroup
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.consumers.state import ConsumerState
from subscriptions.feed.feed import Feed
from subscriptions.feed.wakeups import Wakeups

HandlerWrapper = Callable[[str, CommitHandler], CommitHandler]
"""Wraps the handler of the consumer of this name."""


LeaderTask = Callable[[View[Any], PartitionLease], Coroutine[Any, Any, None]]
"""What the holder of a generation's first partition does beside folding: `ConsumerDefinition.lead`."""


StateObserver = Callable[[View[Any], str, ConsumerState], Coroutine[Any, Any, None]]
"""What a worker of this fingerprint does about a view's state: see `ConsumerDefinition.notice`."""


class ViewWorker:
    """Keeps views up to date, all from one feed, beside other workers. `around` wraps each handler.

    `tick`, `lease_time`, `partitions` and `builds`: see `ConsumerGroup`.
    `lead` and `notice`: see `ConsumerDefinition`.
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
        partitions: int = 1,
        builds: int | None = None,
        around: HandlerWrapper = lambda _consumer, handler: handler,
        lead: LeaderTask | None = None,
        notice: StateObserver | None = None,
    ) -> None:
        def handler(view: View[Any]) -> CommitHandler:
            written = partial(wakeups.announce, rows_topic(view))
            return around(consumer_name(view), Projector(view, database, feed.log, written))

        def work(view: View[Any]) -> ConsumerDefinition:
            leader = partial(lead, view) if lead is not None else None
            code = view_fingerprint(view)
            noticed = partial(notice, view, code) if notice is not None else None
            parts = (partial(handler, view), leader, row_fields(view), partial(same_fold, code), noticed)
            return ConsumerDefinition(code, *parts)

        consumers = {consumer_name(view): work(view) for view in views}
        parts = (database, feed, checkpoints, wakeups)
        self._group = ConsumerGroup(
            consumers, *parts, tick=tick, lease_time=lease_time, partitions=partitions, builds=builds
        )

    @property
    def held(self) -> int:
        """How many partitions of views this process works on."""
        return self._group.held

    async def start(self) -> None:
        """Begin to project in the background."""
        await self._group.start()

    async def stop(self) -> None:
        """Finish the batches in hand, and stop."""
        await self._group.stop()


async def drop_view(view: View[Any], database: Database) -> None:
    """Forget the view's rows and how far it was: a worker that runs, or the next one, builds it from zero."""
    await Generations(database).drop(consumer_name(view))
    await clear_leftovers(view, database)
