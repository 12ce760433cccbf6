"""The query `consumers`: how far each follower of the log is, and which worker has which partition.

It is for callers that may act across tenants: a consumer has one progress for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.graphql.declare import argument, declare, list_of, output_field, output_fields
from api.graphql.execution.request_context import Info
from api.graphql.fields.connections import page_size
from api.graphql.fields.deployment_access import require_deployment
from api.graphql.scalars import Position
from api.graphql.strawberry_internals import Field
from api.limits.weights import DEFAULT_PAGE, STATUS
from eventstore.place import Place
from subscriptions.consumers.failures import FailureHistory
from subscriptions.consumers.state import Generation, PartitionState

_PARTITION = {
    "number": (int, "The number of the partition, from 0."),
    "lag": (int, "The number of positions that it is behind the log."),
    "owner": (
        str | None,
        "The worker that has its lease: its host, process id and a random part; null if it is free.",
    ),
    "lease_seconds": (float, "Seconds until the lease ends, unless its owner extends it; 0 if it is free."),
    "failures": (int, "Failed attempts in a row since the partition last made progress."),
    "error": (str | None, "Why the last attempt failed, without data of events; null if none fails."),
    "blocked_by": (str | None, "The call of user code that blocks its worker."),
}
_CONSUMER = {
    "name": (str, "Its name: `view.`, `process.`, `policy.`, `webhook.` or `redis.`, and what it serves."),
    "position": (Position, "The position up to which it has done everything."),
    "lag": (int, "The number of positions that it is behind the log."),
    "retired": (
        bool,
        "Whether nobody runs it any more: the settings of this server do not have it, and no worker has a "
        "lease of it. `nerve views drop` removes a view.",
    ),
}


def consumers_field() -> Field:
    """Return ``consumers``."""
    partition = declare(
        "ConsumerPartition",
        output_fields(_PARTITION),
        "A share of a consumer's work, by key. One worker at a time has its lease.",
    )
    consumer = declare(
        "Consumer",
        [
            *output_fields(_CONSUMER),
            output_field("partitions", list_of(partition), "Its partitions, by number."),
        ],
        "A follower of the log that keeps its position: a view, process, policy, webhook or stream in Redis.",
    )
    size = (
        f"The maximum number of consumers, {DEFAULT_PAGE} by default: those furthest behind, in this order, "
        "then those that are retired."
    )
    return output_field(
        "consumers",
        list_of(consumer),
        "The consumers of the log that have begun, with what is read of a view that is rebuilt.",
        resolver=_resolve,
        arguments=[argument("first", int | None, size)],
        weight=STATUS,
    )


async def _resolve(_root: object, info: Info, *, first: int | None = None) -> list[dict[str, Any]]:
    context = info.context
    require_deployment(context, "consumers")
    size = page_size(first, None, context.runtime.settings.max_page)
    states = await context.runtime.checkpoints.states()
    head = await context.runtime.log.head()
    retired = context.runtime.retired_consumers
    active = [
        (retired.contains(state), state.generations[state.active], name)
        for name, state in states.items()
        if state.active is not None
    ]
    behind = sorted(active, key=lambda each: (each[0], each[1].position, each[2]))[:size]
    return [
        {
            "name": name,
            "position": context.seal(Place(generation.position)),
            "retired": is_retired,
            **_progress(generation, head),
        }
        for is_retired, generation, name in behind
    ]


def _progress(generation: Generation, head: int) -> Mapping[str, Any]:
    return {
        "lag": max(0, head - generation.position),
        "partitions": [_partition(partition, head) for partition in generation.partitions],
    }


def _partition(state: PartitionState, head: int) -> Mapping[str, Any]:
    return {
        "number": state.partition.number,
        "lag": max(0, head - state.position),
        "owner": state.owner,
        "lease_seconds": state.left,
        "failures": 0 if state.failing is None else state.failing.tries,
        "error": state.failing and _error(state.failing),
        "blocked_by": None if state.blocked is None else str(state.blocked),
    }


def _error(failing: FailureHistory) -> str:
    failure = failing.last.failure
    return f"{failure.error}: {failure.detail}"
