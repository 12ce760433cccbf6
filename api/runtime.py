"""The composition root: every part of a process, and how it is made from the others."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any, ClassVar

from api.access.access_follower import AccessFollower
from api.access.key_uses import KeyUses
from api.access.read_audit import ReadAudit
from api.access.visibility import Visibilities
from api.command_conditions import condition_handlers
from api.contexts import processes_in
from api.ids import new_id, now
from api.instruments import NO_INSTRUMENTS, Instruments
from api.metrics import MeteredLog, Metrics
from api.position_seal import PositionSeal
from api.process_operator import ProcessOperator
from api.retired_consumers import RetiredConsumers
from api.settings import Settings
from api.view_parts import ViewParts
from api.webhooks.conditions import WebhookConditions
from domain.dispatch import CommandBus, ConditionHandlers, Middleware
from domain.dispatch.middleware import (
    check_envelope,
    correlate,
    log_commands,
    measure_commands,
    reserve_ids,
)
from domain.dispatch.unique_values import UniqueValues
from domain.kernel import Catalog
from domain.process import Policy
from domain.process.context import ProcessContext
from domain.process.policy import POLICY_PREFIXES
from eventstore.aggregates.claim_upkeep import ClaimUpkeep
from eventstore.aggregates.claims import Claims
from eventstore.aggregates.rebuilder import AggregateRebuilder
from eventstore.aggregates.repository import AggregateRepository
from eventstore.aggregates.snapshots import Snapshots
from eventstore.log import EventLog
from eventstore.mongo.direct_reads import DirectReads
from eventstore.mongo.driver import Database
from eventstore.personal.erasure import Erasure
from eventstore.personal.sealed_state import StateSeal
from eventstore.tenants.tenant_conditions import TenantConditions
from projections.builtin.processes import NAME as PROCESSES
from projections.kernel.view import View
from projections.live.command_status import CommandStatus
from projections.live.live_queries import LiveQueries, QueryLimits
from projections.live.live_view import LiveView
from projections.live.started_processes import StartedProcesses
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
from subscriptions.live.command_hints import CommandHints
from subscriptions.live.command_watch import CommandWatch
from subscriptions.live.event_hub import EventHub
from subscriptions.live.ring import RingLimits


@dataclass(frozen=True, kw_only=True, eq=False)
class Runtime:
    """The parts of a running process.

    The fields need servers; `api.lifecycle` opens them. Every other part is a property, made once from the
    parts that it names. To replace a part, override it in a subclass and pass the subclass to `open_runtime`.
    The keys of mappings are names of views. `instruments` wrap the parts that they observe.
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

    # Commands

    @cached_property
    def visibilities(self) -> Visibilities:
        return Visibilities(self.catalog, self.views)

    @cached_property
    def bus(self) -> CommandBus:
        return CommandBus(
            self.catalog,
            self.instruments.wrap_log(MeteredLog(self.log, self.metrics)),
            self.aggregates,
            now,
            new_id,
            self.middleware,
            conditions=self.conditions,
            unique=self.unique_values,
            digest_key=self.digest_key,
        )

    @cached_property
    def middleware(self) -> Sequence[Middleware]:
        """What runs around each command, from the outside to the inside."""
        return (
            *self.instruments.middleware,
            measure_commands(self.metrics, perf_counter),
            log_commands(logging.getLogger("nerve.commands")),
            correlate,
            check_envelope,
            reserve_ids((*POLICY_PREFIXES, *(f"{category}-" for category in self.processes))),
            self.command_hints,
            self.access_follower.wait_until_applied,
        )

    @cached_property
    def conditions(self) -> ConditionHandlers:
        erasure, tenants = Erasure(self.log.keys), TenantConditions(self.database)
        handlers = condition_handlers(erasure, self.claim_upkeep, self.dead_letters, tenants)
        settings = self.settings.webhook_settings
        return WebhookConditions(settings, self.database, self.log, now).add_to(handlers)

    @cached_property
    def claims(self) -> Claims:
        return Claims(self.database, self.log, now, new_id)

    @cached_property
    def unique_values(self) -> UniqueValues:
        return UniqueValues(self.catalog, self.aggregates, self.claims, new_id, self.digest_key)

    @cached_property
    def claim_upkeep(self) -> ClaimUpkeep:
        return ClaimUpkeep(self.database, self.claims, self.unique_values)

    @cached_property
    def aggregates(self) -> AggregateRepository:
        return AggregateRepository(self.log, self.rebuilder)

    @cached_property
    def rebuilder(self) -> AggregateRebuilder:
        snapshots = Snapshots(self.database, self.catalog, StateSeal(self.log.keys))
        return AggregateRebuilder(self.log, snapshots, self.settings.snapshot_every)

    @cached_property
    def command_hints(self) -> CommandHints:
        return CommandHints(self.wakeups)

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
        live = LiveView(reader, tail, self.log.head, visible_since, limits=limits, wrap_source=wrap)
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

    # Processes

    @cached_property
    def processes(self) -> Mapping[str, ProcessContext]:
        """The registered processes by category."""
        return {context.category: context for context in processes_in(self.catalog)}

    @cached_property
    def process_operator(self) -> ProcessOperator | None:
        """Operates instances of processes; None where no process is registered."""
        return ProcessOperator(self.bus, self.readers[PROCESSES]) if self.processes else None

    # Live subscriptions

    @cached_property
    def event_hub(self) -> EventHub:
        wrap = self.instruments.wrap_source
        return EventHub(self.log, self.feed, limits=self.ring_limits, wrap_source=wrap)

    @cached_property
    def ring_limits(self) -> RingLimits:
        """The limits that all subscriptions of the process share."""
        return RingLimits()

    @cached_property
    def command_status(self) -> CommandStatus:
        watch = CommandWatch(self.log, self.event_hub.dispatcher, self.command_hints)
        started = StartedProcesses(
            self.processes, self.log, self.event_hub, self.checkpoints, self.settings.poll_interval
        )
        return CommandStatus(watch, self.readers, self.dead_letters, started)

    @cached_property
    def live_queries(self) -> LiveQueries:
        views = {name: parts.live for name, parts in self.view_parts.items()}
        limits, seconds = self.settings.live_query_limits, self.settings.operation_timeout
        query_limits = QueryLimits(limits.max_queries, limits.max_queries_per_tenant, seconds)
        return LiveQueries(views, query_limits, self.ring_limits)

    # Access

    @cached_property
    def read_audit(self) -> ReadAudit | None:
        """The record of reads; None where the settings do not ask for one."""
        return ReadAudit(self.database, now) if self.settings.audit_reads else None

    @cached_property
    def key_uses(self) -> KeyUses:
        return KeyUses(self.database, now)

    @cached_property
    def access_follower(self) -> AccessFollower:
        return AccessFollower(self.log, self.wakeups, self.key_uses, now, self.settings.poll_interval)

    @cached_property
    def position_seal(self) -> PositionSeal:
        return PositionSeal(self.position_key)

    # Measuring

    @cached_property
    def metrics(self) -> Metrics:
        views = {name: parts.live.stats for name, parts in self.view_parts.items()}
        return Metrics({"log": self.event_hub.stats, "queries": self.live_queries.stats, **views})
