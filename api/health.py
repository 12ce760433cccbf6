"""Readiness of the process, and the health of its views."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from api.runtime import Runtime
from domain.kernel.errors import Unavailable
from domain.process.events import ProcessStatus
from projections.builtin.processes import NAME as PROCESSES
from projections.querying.deployment_rows import count_rows
from projections.querying.locator import consumer_name
from subscriptions.consumers.state import ConsumerState, GenerationState

SERVER_TIMEOUT = 0.8
"""Seconds a server may take to answer; health checks usually wait for one second."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the process can serve requests.

    `missing` names the servers that do not answer, and the views that no worker has projected yet. A missing
    Redis does not affect `ready`: without it everything works, only later.
    """

    ready: bool
    missing: Sequence[str]


async def check_readiness(runtime: Runtime) -> Readiness:
    """Check MongoDB, Redis, and the checkpoint of each view."""
    missing, redis = await asyncio.gather(_missing(runtime), _redis_answers(runtime))
    return Readiness(not missing, missing if redis else [*missing, "redis"])


async def _missing(runtime: Runtime) -> list[str]:
    try:
        async with asyncio.timeout(SERVER_TIMEOUT):
            states = await _states(runtime)
    except (Unavailable, TimeoutError):
        return ["mongodb"]
    return [name for name, state in states.items() if state.active is None]


async def _states(runtime: Runtime) -> dict[str, ConsumerState]:
    return await runtime.checkpoints.states(map(consumer_name, runtime.views))


async def _redis_answers(runtime: Runtime) -> bool:
    try:
        async with asyncio.timeout(SERVER_TIMEOUT):
            return await runtime.wakeups.reachable()
    except TimeoutError:
        return False


class ViewHealth(NamedTuple):
    """The figures that /metrics reports for a view.

    `lag` is in positions, `failures` are consecutive failed attempts, `parked` are dead letters, and `held`
    are generations that wait for a decision.
    """

    lag: int
    failures: int
    parked: int
    held: int


async def view_health(runtime: Runtime) -> dict[str, ViewHealth]:
    """Return the health of each view; empty while MongoDB does not answer."""
    try:
        async with asyncio.timeout(SERVER_TIMEOUT):
            states, head, parked = await asyncio.gather(
                _states(runtime), runtime.log.head(), runtime.dead_letters.counts()
            )
    except (Unavailable, TimeoutError):
        return {}
    health = {}
    for view in runtime.views:
        state = states[consumer_name(view)]
        failing = None if state.active is None else state.generations[state.active].failing
        tries = 0 if failing is None else failing.tries
        held = int(state.of_state(GenerationState.HELD) is not None)
        health[view.name] = ViewHealth(max(0, head - state.position), tries, parked[view.name], held)
    return health


async def unfinished_instances(runtime: Runtime) -> Mapping[tuple[str, ...], int]:
    """Return the number of instances by process and state, of those that have not ended.

    Empty without processes, and while MongoDB does not answer.
    """
    if not runtime.processes:
        return {}
    states = [status.value for status in ProcessStatus if not status.is_final]
    values = {"kind": sorted(runtime.processes), "status": states}
    try:
        async with asyncio.timeout(SERVER_TIMEOUT):
            rows = await runtime.view_parts[PROCESSES].locator.rows()
            return await count_rows(runtime.database, rows, values)
    except (Unavailable, TimeoutError):
        return {}
