"""The worker that keeps views up to date."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from eventstore.fingerprint import same_fold
from eventstore.mongo.driver import Database
from projections.kernel.row_fields import row_fields
from projections.kernel.view import View
from projections.projecting.projector import Projector, folded_categories
from projections.querying.leftovers import clear_leftovers
from projections.querying.locator import consumer_name, rows_topic
from projections.storage.view_fingerprint import view_fingerprint
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.consumer import CommitHandler
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.group import LEASE_TIME, ConsumerDefinition, ConsumerGroup
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.consumers.state import ConsumerState
from subscriptions.feed.feed import Feed
from subscriptions.feed.wakeups import Wakeups

WrapHandler = Callable[[str, CommitHandler], CommitHandler]
"""Returns what handles commits in place of this handler, of the consumer of this name."""


LeadView = Callable[[View[Any], PartitionLease], Coroutine[Any, Any, None]]
"""Leads a generation of a view: see `ConsumerDefinition.lead`."""


ObserveView = Callable[[View[Any], str, ConsumerState], Coroutine[Any, Any, None]]
"""Reacts to the state of a view, given the fingerprint of this worker: see `ConsumerDefinition.observe`."""


class ViewWorker:
    """Keeps views up to date, all from one feed, together with other workers.

    `wrap_handler` wraps each handler, such as with metrics. See `ConsumerGroup` for `tick`, `lease_time`,
    `partitions` and `builds`, and `ConsumerDefinition` for `lead` and `observe`.
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
        wrap_handler: WrapHandler = lambda _consumer, handler: handler,
        lead: LeadView | None = None,
        observe: ObserveView | None = None,
    ) -> None:
        def make_handler(view: View[Any]) -> CommitHandler:
            announce_rows = partial(wakeups.announce, rows_topic(view))
            return wrap_handler(consumer_name(view), Projector(view, database, feed.log, announce_rows))

        self._group = ConsumerGroup(
            {
                consumer_name(view): _definition(view, partial(make_handler, view), lead, observe)
                for view in views
            },
            database,
            feed,
            checkpoints,
            wakeups,
            tick=tick,
            lease_time=lease_time,
            partitions=partitions,
            builds=builds,
        )

    @property
    def partition_count(self) -> int:
        """The number of partitions of views that this process works on."""
        return self._group.partition_count

    @property
    def leases(self) -> Sequence[PartitionLease]:
        """The leases of these partitions: see `ConsumerGroup.leases`."""
        return self._group.leases

    async def start(self) -> None:
        """Begin to project in the background."""
        await self._group.start()

    async def stop(self) -> None:
        """Finish the batches in hand, and stop."""
        await self._group.stop()


def _definition(
    view: View[Any],
    make_handler: Callable[[], CommitHandler],
    lead: LeadView | None,
    observe: ObserveView | None,
) -> ConsumerDefinition:
    code = view_fingerprint(view)
    return ConsumerDefinition(
        code,
        make_handler,
        lead=partial(lead, view) if lead is not None else None,
        output=row_fields(view),
        can_continue=partial(same_fold, code),
        observe=partial(observe, view, code) if observe is not None else None,
        categories=folded_categories(view),
    )


async def drop_view(view: View[Any], database: Database) -> None:
    """Remove the view's generations and rows: the worker that runs, or the next one, builds it from zero."""
    await Generations(database).drop(consumer_name(view))
    await clear_leftovers(view, database)
