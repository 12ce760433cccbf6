"""Checks of what follows the log: workers, views, processes, policies, and streams in Redis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from api.contexts import Declarations
from api.doctor.findings import Finding, Sign, fail, ok, warn
from api.settings import Settings
from domain.kernel.names import client_name, quantity
from domain.process.policy_events import PolicyEvent
from projections.querying.locator import consumer_name
from subscriptions.consumers.state import ConsumerState, GenerationState

MAX_LAG = 10_000
"""Positions that a consumer may be behind."""

States = Mapping[str, ConsumerState]
"""The states of consumers by their names."""


def check_workers(states: States) -> Finding:
    """Check that a worker is running: one that has the leases of partitions."""
    check = "workers"
    leases = sum(
        partition.owner is not None
        for state in states.values()
        for generation in state.generations.values()
        for partition in generation.partitions
    )
    if not leases:
        text = "none is running, so views, processes and webhooks stand still"
        return fail(check, text, "start one with `nerve worker`", leases=0)
    return ok(check, f"running, with {leases} leases", leases=leases)


def check_views(declarations: Declarations, states: States, head: int) -> Iterator[Finding]:
    """Yield a finding for each view."""
    for view in declarations.views:
        yield check_view(view.name, _state(states, consumer_name(view)), head)


def check_view(name: str, state: ConsumerState, head: int) -> Finding:
    """Check that workers keep a view up to date."""
    check = f"view {client_name(name)}"
    if state.active is None:
        return fail(check, "was never built", "start a worker with `nerve worker`")
    if state.of_state(GenerationState.HELD) is not None:
        return warn(check, "a rebuild waits for a decision", "see `nerve views`")
    return _check_progress(check, state, head, "see `nerve views`")


def check_consumers(
    settings: Settings, declarations: Declarations, states: States, head: int
) -> Iterator[Finding]:
    """Yield a finding for each process, policy and stream in Redis."""
    names = {
        f"process {each.category}": f"process.{each.category}"
        for each in declarations.processes
        if each.process is not PolicyEvent
    }
    names |= {f"policy {each.name}": f"policy.{each.name}" for each in declarations.policies}
    names |= {f"Redis stream {name}": f"redis.{name}" for name in settings.redis_streams}
    for check, consumer in names.items():
        yield check_consumer(check, _state(states, consumer), head)


def check_deliveries(states: States, head: int) -> Iterator[Finding]:
    """Yield a finding for each webhook whose deliveries are not up to date, or one if all are."""
    consumers = [state for name, state in states.items() if name.startswith("webhook.")]
    lags = [max(0, head - state.position) for state in consumers if state.active is not None]
    remedy = "see `nerve webhooks show`, unless it is paused"
    findings = [
        _check_progress(f"deliveries of {state.consumer.removeprefix('webhook.')}", state, head, remedy)
        for state in consumers
        if state.active is not None
    ]
    if wrong := [finding for finding in findings if finding.sign is not Sign.OK]:
        yield from wrong
    else:
        longest = max(lags, default=0)
        text = f"{quantity(len(lags), 'webhook')}, at most {quantity(longest, 'position')} behind"
        yield ok("deliveries", text, webhooks=len(lags), lag=longest)


def check_consumer(check: str, state: ConsumerState, head: int) -> Finding:
    """Check that workers keep a consumer without rows up to date."""
    if state.active is None:
        return warn(check, "has not begun", "start a worker with `nerve worker` and these settings")
    return _check_progress(check, state, head, "look into the log of the workers")


def _check_progress(check: str, state: ConsumerState, head: int, remedy: str) -> Finding:
    assert state.active is not None
    active, lag = state.generations[state.active], max(0, head - state.position)
    if active.blocked is not None:
        text = f"waits for the end of a call: {active.blocked}"
        return fail(check, text, "correct that code and restart the workers", lag=lag)
    if active.failing is not None:
        failure = active.failing.last.failure
        times = quantity(active.failing.tries, "time")
        text = f"failed {times} in a row, last with {failure.error}, {failure.detail}"
        return fail(check, text, remedy, lag=lag)
    if lag > MAX_LAG:
        return warn(check, f"is {quantity(lag, 'position')} behind", "start more workers", lag=lag)
    return ok(check, f"{quantity(lag, 'position')} behind", lag=lag)


def _state(states: States, consumer: str) -> ConsumerState:
    return states.get(consumer) or ConsumerState.from_document(consumer, None)
