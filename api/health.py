"""Whether this process can do its work, what it lacks, and how far the views are behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from api.runtime import Runtime
from domain.kernel.errors import Unavailable
from projections.querying.locator import consumer_name
from subscriptions.consumers.state import ConsumerState, GenerationState

PATIENCE = 0.8
"""Seconds a server may take to answer: who asks usually waits for one."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """`missing` names what does not answer, and the views that no worker has begun.

    Redis may be among it while `ready` holds: without it everything works, only later.
    """

    ready: bool
    missing: Sequence[str]


async def check_readiness(runtime: Runtime) -> Readiness:
    """Ask MongoDB, Redis, and for the checkpoint of each view."""
    needed, redis = await asyncio.gather(_missing(runtime), _redis_answers(runtime))
    return Readiness(not needed, needed if redis else [*needed, "redis"])


async def _missing(runtime: Runtime) -> list[str]:
    try:
        async with asyncio.timeout(PATIENCE):
            states = await _states(runtime)
    except (Unavailable, TimeoutError):
        return ["mongodb"]
    return [name for name, state in states.items() if state.active is None]


async def _states(runtime: Runtime) -> dict[str, ConsumerState]:
    return await runtime.checkpoints.states(map(consumer_name, runtime.views))


async def _redis_answers(runtime: Runtime) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            return await runtime.wakeups.reachable()
    except TimeoutError:
        return False


class ViewHealth(NamedTuple):
    """How many positions a view is behind the log, tries in a row failed, and events wait as dead letters.

    `held` counts generations of its rows that wait for a decision.
    """

    lag: int
    failures: int
    parked: int
    held: int


async def view_health(runtime: Runtime) -> dict[str, ViewHealth]:
    """How each view is; nothing while MongoDB does not answer."""
    try:
        async with asyncio.timeout(PATIENCE):
            states, head, parked = await asyncio.gather(
                _states(runtime), runtime.log.head(), runtime.dead_letters.counts()
            )
    except (Unavailable, TimeoutError):
        return {}
    found = {}
    for view in runtime.views:
        state = states[consumer_name(view)]
        failing = None if state.active is None else state.generations[state.active].failing
        tries = 0 if failing is None else failing.tries
        held = int(state.of_state(GenerationState.HELD) is not None)
        found[view.name] = ViewHealth(max(0, head - state.position), tries, parked[view.name], held)
    return found
