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
from subscriptions.consumers.consumer import Handler
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.group import LEASE_TIME, Group, Work
from subscriptions.consumers.leases import Lease
from subscriptions.consumers.state import Standing
from subscriptions.feed.feed import Feed
from subscriptions.feed.wakeups import Wakeups

Around = Callable[[str, Handler], Handler]
"""Wraps the handler of the consumer of this name."""


Lead = Callable[[View[Any], Lease], Coroutine[Any, Any, None]]
"""What the holder of a generation's first partition does beside folding: see `Work.lead`."""


Notice = Callable[[View[Any], str, Standing], Coroutine[Any, Any, None]]
"""What a worker with code of this fingerprint does about how a view stands: see `Work.notice`."""


class ViewWorker:
    """Keeps views up to date, all from one feed, beside other workers. `around` wraps each handler.

    `tick`, `lease_time`, `partitions` and `builds`: see `Group`; `lead` and `notice`: see `Work`.
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
        around: Around = lambda _consumer, handler: handler,
        lead: Lead | None = None,
        notice: Notice | None = None,
    ) -> None:
        def handler(view: View[Any]) -> Handler:
            written = partial(wakeups.announce, rows_topic(view))
            return around(consumer_name(view), Projector(view, database, feed.log, written))

        def work(view: View[Any]) -> Work:
            leader = partial(lead, view) if lead is not None else None
            code = view_fingerprint(view)
            noticed = partial(notice, view, code) if notice is not None else None
            parts = (partial(handler, view), leader, row_fields(view), partial(same_fold, code), noticed)
            return Work(code, *parts)

        consumers = {consumer_name(view): work(view) for view in views}
        parts = (database, feed, checkpoints, wakeups)
        self._group = Group(
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
