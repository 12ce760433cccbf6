"""The composition root: every part of a process, and how it is made from the others."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter

from api.access.access_follower import AccessFollower
from api.access.key_uses import KeyUses
from api.access.read_audit import ReadAudit
from api.access.visibility import Visibilities
from api.command_conditions import condition_handlers
from api.contexts import processes_in
from api.ids import new_id, now
from api.metrics import MeteredLog, Metrics
from api.position_seal import PositionSeal
from api.process_operator import ProcessOperator
from api.view_runtime import ViewRuntime
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
from domain.process.context import ProcessContext
from domain.process.policy import POLICY_PREFIXES
from eventstore.aggregates.claim_upkeep import ClaimUpkeep
from eventstore.aggregates.claims import Claims
from eventstore.aggregates.rebuilder import AggregateRebuilder
from eventstore.aggregates.repository import AggregateRepository
from eventstore.aggregates.snapshots import Snapshots
from eventstore.personal.erasure import Erasure
from eventstore.personal.sealed_state import StateSeal
from eventstore.tenants.tenant_conditions import TenantConditions
from projections.builtin.processes import NAME as PROCESSES
from projections.live.command_status import CommandStatus
from projections.live.live_queries import LiveQueries, QueryLimits
from projections.live.started_processes import StartedProcesses
from subscriptions.live.command_hints import CommandHints
from subscriptions.live.command_watch import CommandWatch
from subscriptions.live.dispatcher import LINGER
from subscriptions.live.event_hub import EventHub


@dataclass(frozen=True, kw_only=True, eq=False)
class Runtime(ViewRuntime):
    """The parts of a running process: those of its views, and those that run commands and serve clients.

    To replace a part, override it in a subclass and pass the subclass to `open_runtime`.
    """

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
        return EventHub(self.log, self.feed, limits=self.ring_limits, linger=LINGER, wrap_source=wrap)

    def close_dispatchers(self) -> None:
        """Follow nothing any more for which there is no subscription."""
        self.event_hub.dispatcher.close()
        for parts in self.view_parts.values():
            parts.live.dispatcher.close()

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
