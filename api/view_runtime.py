"""The part of the composition root that follows the log and reads views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from api.contexts import processes_in
from api.instruments import NO_INSTRUMENTS, Instruments
from api.retired_consumers import RetiredConsumers
from api.settings import Settings
from api.view_parts import ViewParts
from domain.kernel import Catalog
from domain.process import Policy
from eventstore.log import EventLog
from eventstore.mongo.direct_reads import DirectReads
from eventstore.mongo.driver import Database
from projections.kernel.view import View
from projections.live.live_view import LiveView
from projections.live.view_tail import ViewTail
from projections.past.reader import PastReader
from projections.querying.dead_letter_reader import DeadLetterReader
from projections.querying.locator import ViewLocator, consumer_name
from projections.querying.queries import ViewReader
from projections.querying.related import RelatedRows
from projections.querying.shared_reads import SharedReads
from projections.querying.waiting import ProjectionWaits
from projections.rebuilding.rebuild_context import RebuildContext
from projections.rebuilding.rebuilds import Rebuilds
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.generations import Generations
from subscriptions.feed.feed import Feed
from subscriptions.feed.wakeups import Wakeups
from subscriptions.live.dispatcher import LINGER
from subscriptions.live.ring import RingLimits


@dataclass(frozen=True, kw_only=True, eq=False)
class ViewRuntime:
    """The servers of a running process, and the parts of it that follow the log and read views.

    The fields need servers; `api.lifecycle` opens them. Every other part is a property, made once from the
    parts that it names. The keys of mappings are names of views. `instruments` wrap the parts that they
    observe.
    """

    log_class: ClassVar[type[EventLog]] = EventLog

    settings: Settings
    catalog: Catalog
    views: Sequence[View[Any]]
    policies: Sequence[Policy]
    database: Database
    wakeups: Wakeups
    log: EventLog
    digest_key: bytes
    position_key: bytes
    instruments: Instruments = NO_INSTRUMENTS

    def make_parts(self) -> None:
        """Make all parts now, so that a wrong declaration fails at start and not in a request."""
        for name in dir(type(self)):
            if isinstance(getattr(type(self), name), cached_property):
                getattr(self, name)

    # Following the log

    @cached_property
    def feed(self) -> Feed:
        return self.instruments.make_feed(self.log, self.wakeups, self.settings.poll_interval)

    @cached_property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.database)

    @cached_property
    def rebuilds(self) -> Rebuilds:
        context = RebuildContext(
            database=self.database,
            log=self.log,
            checkpoints=self.checkpoints,
            generations=Generations(self.database),
            wakeups=self.wakeups,
            tick=self.settings.poll_interval,
        )
        return Rebuilds(self.views, context, self.settings.view_partitions)

    @cached_property
    def retired_consumers(self) -> RetiredConsumers:
        declared = (
            *map(consumer_name, self.views),
            *(f"process.{context.category}" for context in processes_in(self.catalog)),
            *(f"policy.{policy.name}" for policy in self.policies),
            *(f"redis.{stream}" for stream in self.settings.redis_streams),
        )
        return RetiredConsumers(declared, self.database)

    # Reading views

    @cached_property
    def view_parts(self) -> Mapping[str, ViewParts]:
        """What serves each view."""
        return {view.name: self._view_parts(view) for view in self.views}

    @cached_property
    def direct_reads(self) -> DirectReads:
        return DirectReads(self.database)

    def _view_parts(self, view: View[Any]) -> ViewParts:
        settings, wrap = self.settings, self.instruments.wrap_source
        interval = settings.poll_interval
        locator = ViewLocator(view, self.database, self.checkpoints, self.wakeups, interval)
        reader, tail = ViewReader(locator, self.scan_limit), ViewTail(locator, interval)
        related = RelatedRows(locator, self.scan_limit, self.direct_reads)
        client_reader = ViewReader(locator, self.scan_limit, self.direct_reads)
        past = PastReader(reader, self.log, settings.max_past_events, settings.wait_timeout)
        shared = SharedReads(client_reader, related, settings.operation_timeout)
        visible_since, limits = past.visible_since, self.ring_limits
        live = LiveView(
            reader, tail, self.log.head, visible_since, limits=limits, linger=LINGER, wrap_source=wrap
        )
        return ViewParts(locator, reader, related, shared, past, tail, live)

    @cached_property
    def readers(self) -> Mapping[str, ViewReader]:
        """The readers of all views, for parts that wait for several of them."""
        return {name: parts.reader for name, parts in self.view_parts.items()}

    @property
    def scan_limit(self) -> int | None:
        """The rows that a query without an index may scan; None for any number."""
        return self.settings.scan_limit if self.settings.unindexed_queries == "refuse" else None

    @cached_property
    def dead_letters(self) -> DeadLetterReader:
        return DeadLetterReader(self.database, self.checkpoints, self.views)

    @cached_property
    def projection_waits(self) -> ProjectionWaits:
        return ProjectionWaits(self.readers, self.dead_letters)

    @cached_property
    def ring_limits(self) -> RingLimits:
        """The limits that all subscriptions of the process share."""
        return RingLimits()
