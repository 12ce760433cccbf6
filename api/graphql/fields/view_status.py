"""The progress of views: `viewStatus` as a query and a subscription, and the mutations of rebuilds.

All of it is for callers that may act across tenants: a view has one progress for all tenants, its figures
would reveal how much the others write, and a rebuild concerns them all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from enum import Enum
from inspect import getdoc
from typing import Any

import strawberry

from api.graphql.declare import Resolver, argument, declare, enumeration, list_of, output_field, output_fields
from api.graphql.execution.request_context import Info, RequestContext
from api.graphql.fields.deployment_access import require_deployment
from api.graphql.item_lookups import ItemLookUp
from api.graphql.strawberry_internals import Field
from api.limits.weights import STATUS
from domain.kernel.errors import Unavailable
from domain.kernel.names import client_name
from domain.kernel.obstacles import Obstacle
from projections.rebuilding.comparison import Comparison, RowVerdict
from projections.rebuilding.rebuild_progress import RebuildPhase
from projections.rebuilding.rebuilds import Rebuilds
from projections.rebuilding.status import GenerationStatus, ViewStatus
from subscriptions.consumers.failures import FailureHistory
from subscriptions.consumers.state import GenerationState

POLL_INTERVAL = 1.0
"""Seconds between two reads of the status for a subscription."""

_COMPARISON = {
    "same": (int, "Rows that are equal in both."),
    "different": (int, "Rows that have different values."),
    "missing": (int, "Rows that are missing in the new generation."),
    "extra": (int, "Rows that only the new generation has."),
    "moving": (int, "Rows that changed too often to be compared."),
}
_GENERATION = {
    "number": (int, "The number of the generation, which counts from 1 for each view."),
    "begun_at": (datetime, "When the build started."),
    "events": (int, "The number of events that have been applied."),
    "total": (int, "The approximate number of events to apply."),
    "rate": (float, "Events applied per second; 0 for a generation that is not being built."),
    "seconds_left": (
        float | None,
        "The estimated seconds until the generation has caught up; null if unknown.",
    ),
    "waiting_for": (
        str | None,
        "What the generation waits for: a worker, the end of a call, or the decision of an operator.",
    ),
    "workers": (list_of(str), "The workers that have the leases of its partitions."),
}
_VIEW = {
    "name": (str, "The name of the view."),
    "lag": (int, "The number of positions that the view is behind the log."),
}
_STATES = "the states of views"
_FAILURE = {
    "error": (str, "The name of the last error."),
    "detail": (str, "Where it occurred, or why. It contains nothing of an event's data."),
    "attempts": (int, "The failed attempts in a row."),
    "first_at": (datetime, "When the first of them failed."),
    "last_at": (datetime, "When the last of them failed."),
}
_OBSTACLES = (
    "What stops the progress of a view. NO_WORKER: no worker has its lease. REBUILDING: its rows stay as "
    "they are until new code has rebuilt them. HELD: its rows stay as they are, and the rebuilt ones wait "
    "for a decision. BLOCKED: a call that does not return blocks its worker. FAILING: its worker fails again "
    "and again. BEHIND: its worker is still applying earlier events."
)
_NAME = argument("name", str, "The view, by the name of its list, such as `taskDays`.")


def rebuild_fields() -> Iterator[tuple[str, Field]]:
    """Yield the root fields, each with the name of its root."""
    status = _declare_status()
    names = argument("names", list_of(str) | None, "The views; all if omitted.")
    text = "The progress of views, and the generations of their rows."
    yield (
        "Query",
        output_field(
            "view_status", list_of(status), text, resolver=_status, arguments=[names], weight=STATUS
        ),
    )
    yield "Subscription", output_field(
        "view_status", status, f"{text} Sends each view, then each that changes.",
        resolver=_follow, arguments=[names], subscription=True,
    )  # fmt: skip
    for name, act, text in (
        (
            "rebuild_view",
            Rebuilds.begin,
            "Rebuild a view while its present rows are read, then switch to the new rows.",
        ),
        ("cancel_rebuild", Rebuilds.cancel, "Cancel a rebuild. It can be resumed."),
        ("resume_rebuild", Rebuilds.resume, "Resume a rebuild that was cancelled."),
        (
            "switch_view",
            Rebuilds.switch,
            "Switch to a generation that is held, in spite of the reason for which it is held.",
        ),
        (
            "forget_generations",
            Rebuilds.forget,
            "Delete the generations of a view that are no longer read.",
        ),
    ):
        yield (
            "Mutation",
            output_field(
                name, status, text, resolver=_rebuild_resolver(act), arguments=[_NAME], weight=STATUS
            ),
        )


def _declare_status() -> Any:
    generations = output_field(
        "generations",
        list_of(_declare_generation()),
        "The generations of the view's rows in their order. One of them is active.",
    )
    obstacle = enumeration("ViewObstacle", {each.name: each.name for each in Obstacle}, _OBSTACLES)
    failure = declare("ViewFailure", output_fields(_FAILURE), "The failed attempts of a view in a row.")
    fields = [
        *output_fields(_VIEW),
        output_field("obstacle", obstacle | None, "What stops its progress; null if nothing does."),
        output_field("failure", failure | None, "Its failed attempts; null if the last one succeeded."),
        generations,
    ]
    return declare("ViewStatus", fields, "The progress of a view.")


def _declare_generation() -> Any:
    fields = [
        *output_fields(_GENERATION),
        output_field("state", _enum("GenerationState", GenerationState)),
        output_field("phase", _enum("RebuildPhase", RebuildPhase) | None, "The phase of the build."),
        output_field(
            "comparison",
            _declare_comparison() | None,
            "The comparison with the active generation, once this one has caught up.",
        ),
    ]
    return declare("ViewGeneration", fields, "One build of a view's rows.")


def _declare_comparison() -> Any:
    example = declare(
        "DifferingRow",
        [
            output_field("row", strawberry.ID, "The row's key in the view.", resolver=ItemLookUp("id")),
            output_field("verdict", _enum("RowVerdict", RowVerdict)),
            output_field(
                "fields", list[str], "The fields that differ, for a row that both generations have."
            ),
        ],
        "A row that differs between two generations.",
    )
    examples = output_field("examples", list_of(example), "The first rows that differ.")
    return declare(
        "ViewComparison",
        [*output_fields(_COMPARISON), examples],
        "The rows of a generation compared with those of the active one.",
    )


def _enum(name: str, source: type[Enum]) -> Any:
    return enumeration(name, {member.name: member.value for member in source}, getdoc(source))


async def _status(_root: object, info: Info, *, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    require_deployment(info.context, _STATES)
    statuses = await info.context.runtime.rebuilds.status(names)
    return [_view_source(status, info.context) for status in statuses]


async def _follow(
    _root: object, info: Info, *, names: Sequence[str] | None = None
) -> AsyncIterator[dict[str, Any]]:
    context = info.context
    require_deployment(context, _STATES)
    await context.runtime.rebuilds.status(names)
    return _changes(names, context)


async def _changes(names: Sequence[str] | None, context: RequestContext) -> AsyncIterator[dict[str, Any]]:
    """Yield the status of each view, then of each that changed, also after an outage."""
    sent: dict[str, ViewStatus] = {}
    while True:
        statuses: Sequence[ViewStatus] = ()
        with suppress(Unavailable):
            statuses = await context.runtime.rebuilds.status(names)
        for status in statuses:
            if sent.get(status.name) != status:
                sent[status.name] = status
                yield _view_source(status, context)
        await asyncio.sleep(POLL_INTERVAL)


def _rebuild_resolver(act: Callable[[Rebuilds, str], Any]) -> Resolver:
    async def resolve(_root: object, info: Info, *, name: str) -> dict[str, Any]:
        require_deployment(info.context, _STATES)
        rebuilds = info.context.runtime.rebuilds
        await act(rebuilds, name)
        (status,) = await rebuilds.status([name])
        return _view_source(status, info.context)

    return resolve


def _view_source(status: ViewStatus, context: RequestContext) -> dict[str, Any]:
    generations = [_generation(generation, context) for generation in status.generations]
    return {
        "name": client_name(status.name),
        "lag": status.lag,
        "obstacle": status.obstacle and status.obstacle.name,
        "failure": status.failing and _failure(status.failing),
        "generations": generations,
    }


def _failure(history: FailureHistory) -> dict[str, Any]:
    last = history.last.failure._asdict()
    return {**last, "attempts": history.tries, "first_at": history.first.at, "last_at": history.last.at}


def _generation(generation: GenerationStatus, context: RequestContext) -> dict[str, Any]:
    own = {name: getattr(generation, name) for name in _GENERATION}
    comparison = generation.comparison and _comparison(generation.comparison, context)
    state = {"state": generation.state.value, "phase": generation.phase and generation.phase.value}
    return {**own, **state, "comparison": comparison}


def _comparison(comparison: Comparison, context: RequestContext) -> dict[str, Any]:
    """Return a comparison, which counts rows of other tenants without showing them."""
    shown = [
        {**row._asdict(), "fields": list(map(client_name, row.fields))}
        for row in comparison.examples
        if row.tenant == context.scope.tenant
    ]
    return {**{name: getattr(comparison, name) for name in _COMPARISON}, "examples": shown}
