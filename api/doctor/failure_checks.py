"""Checks for what waits for a person: dead letters, stuck instances, paused webhooks, old API keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from api.access.key_ages import is_old, valid_keys
from api.contexts import Declarations
from api.doctor.findings import Finding, fail, ok, warn
from api.ids import now
from domain.kernel.names import client_name, quantity
from domain.process.events import ProcessStatus
from eventstore.mongo.driver import Collection, Database
from projections.builtin.api_keys import view as api_keys_view
from projections.builtin.processes import NAME as PROCESSES
from projections.builtin.webhooks import WebhookState
from projections.builtin.webhooks import view as webhooks_view
from projections.kernel.view import View
from projections.querying.dead_letter_reader import DeadLetterReader
from projections.querying.deployment_rows import TenantRows, count_by_tenant, find_rows
from projections.querying.locator import consumer_name
from projections.storage.rows import collection
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.state import ConsumerState
from subscriptions.publishing.deliveries import DeadLetterCount, count_webhook_dead_letters


async def check_failures(
    database: Database, declarations: Declarations, states: Mapping[str, ConsumerState]
) -> AsyncIterator[Finding]:
    """Yield the findings about what waits for a person. Raises Unavailable."""
    letters = DeadLetterReader(database, Checkpoints(database), declarations.views)
    for finding in check_dead_letters(await letters.counts_by_tenant()):
        yield finding
    views = {view.name: view for view in declarations.views}
    if PROCESSES in views and (rows := _rows(database, views[PROCESSES], states)) is not None:
        stuck = {"status": [ProcessStatus.STUCK.value]}
        for finding in check_stuck(await count_by_tenant(database, rows, "kind", stuck)):
            yield finding
    if (rows := _rows(database, webhooks_view, states)) is not None:
        paused = await find_rows(database, rows, {"state": [WebhookState.PAUSED.value]})
        for finding in check_webhooks(paused, await count_webhook_dead_letters(database)):
            yield finding
    if (rows := _rows(database, api_keys_view, states)) is not None:
        yield check_key_ages(await find_rows(database, rows, {"revoked_at": [None]}), now())


def _rows(database: Database, view: View[Any], states: Mapping[str, ConsumerState]) -> Collection | None:
    """Return the rows of the active generation; None if there is none."""
    state = states.get(consumer_name(view))
    return None if state is None or state.active is None else collection(database, view, state.active)


def check_dead_letters(counts: Mapping[tuple[str, str], int]) -> Iterator[Finding]:
    """Yield a finding for each tenant and view with dead letters, or one if there are none."""
    for (tenant, view), count in sorted(counts.items()):
        yield warn(
            f"dead letters of {client_name(view)}",
            f"{quantity(count, 'event')} of the tenant {tenant} could not be folded",
            f"see `nerve dead-letters list --tenant {tenant}`, correct the cause, and retry or drop them",
            events=count,
        )
    if not counts:
        yield ok("dead letters", "none", events=0)


def check_stuck(groups: Sequence[TenantRows]) -> Iterator[Finding]:
    """Yield a finding for each tenant and process with stuck instances, or one if there are none."""
    for tenant, process, number, example in sorted(groups):
        yield fail(
            f"instances of {process}",
            f"{number:,} of the tenant {tenant} are stuck, such as {example}",
            f"see `nerve processes show {example} --tenant {tenant}`; retry, resume or cancel them",
            instances=number,
        )
    if not groups:
        yield ok("instances of processes", "none is stuck", instances=0)


def check_webhooks(
    paused: Sequence[Mapping[str, Any]], letters: Sequence[DeadLetterCount]
) -> Iterator[Finding]:
    """Yield a finding for each webhook that is paused or has dead letters, or one if there is none."""
    for row in paused:
        reason = f": {row['pause_reason']}" if row["pause_reason"] else ""
        yield warn(
            f"webhook {row['id']}",
            f"is paused{reason}; its events wait",
            f"correct the cause, then run `nerve webhooks resume {row['id']} --tenant {row['_tenant']}`",
        )
    for tenant, webhook, number in letters:
        yield warn(
            f"dead letters of {webhook}",
            f"{quantity(number, 'event')} of the tenant {tenant} could not be delivered",
            f"see `nerve webhooks show {webhook} --tenant {tenant}`, and retry or drop them",
            events=number,
        )
    if not paused and not letters:
        yield ok("webhooks", "none is paused or has dead letters")


def check_key_ages(keys: Sequence[Mapping[str, Any]], at: datetime) -> Finding:
    """Check that API keys are rotated from time to time. `keys` are the rows of keys that are not revoked."""
    check = "API keys"
    valid = valid_keys(keys, at)
    old = [key for key in valid if is_old(key, at)]
    if old:
        text = f"{len(old)} of {len(valid)} are older than a year, such as {old[0]['id']}"
        return warn(check, text, "rotate them with `nerve access keys rotate`", keys=len(old))
    return ok(check, f"{len(valid)} valid, none older than a year", keys=0)
