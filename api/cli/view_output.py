"""What ``nerve views`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from api.cli.rebuilding import describe_generation, describe_wait, list_workers
from api.cli.records import Record, to_record
from api.cli.terminal import print_table, say
from domain.kernel.names import client_name, quantity
from projections.rebuilding.comparison import Comparison
from projections.rebuilding.status import GenerationStatus, ViewStatus
from subscriptions.consumers.failures import FailureHistory
from subscriptions.consumers.state import GenerationState

GENERATION_FIELDS = (
    "number",
    "state",
    "phase",
    "begun_at",
    "events",
    "total",
    "rate",
    "seconds_left",
    "waiting_for",
)
"""The fields of a generation that are printed as JSON as they are."""

COMPARISON_FIELDS = ("same", "different", "missing", "extra", "moving")


def view_record(view: ViewStatus, parked: int) -> Record:
    """Return the status of a view with the names of the API, with the number of its parked events."""
    return {
        "name": client_name(view.name),
        "position": view.position,
        "lag": view.lag,
        "parked": parked,
        "failing": None if view.failing is None else _failure_record(view.failing),
        "generations": list(map(_generation_record, view.generations)),
    }


def _generation_record(generation: GenerationStatus) -> Record:
    comparison = generation.comparison
    fields = {name: getattr(generation, name) for name in GENERATION_FIELDS}
    workers = [
        {"worker": worker, "partitions": count} for worker, count in generation.holders.items() if worker
    ]
    return {
        **to_record(fields),
        "workers": workers,
        "comparison": None if comparison is None else _comparison_record(comparison),
    }


def _comparison_record(comparison: Comparison) -> Record:
    return {
        **{name: getattr(comparison, name) for name in COMPARISON_FIELDS},
        "fields": to_record(comparison.fields),
        "examples": [
            {"tenant": row.tenant, "row": row.id, "verdict": row.verdict, "fields": row.fields}
            for row in comparison.examples
        ],
    }


def _failure_record(failing: FailureHistory) -> Record:
    failure, at = failing.last
    return {
        "tries": failing.tries,
        "firstAt": failing.first.at,
        "lastAt": at,
        "error": failure.error,
        "detail": failure.detail,
    }


def print_views(views: Sequence[ViewStatus], parked: Mapping[str, int]) -> None:
    """Print a table of the views, and what keeps them and their generations from going on."""
    table = Table("view", "position", "lag", "generation", "workers", "other generations", "parked")
    for view in views:
        table.add_row(*_cells(view), str(parked[view.name] or ""))
    print_table(table)
    for view in views:
        if view.failing is not None:
            say(_describe_failure(view.name, view.failing))
        for generation in view.generations:
            if generation.waiting_for is not None:
                say(f"{view.name}: {describe_wait(view.name, generation)}")


def _cells(view: ViewStatus) -> Sequence[str]:
    active = view.of_state(GenerationState.ACTIVE)
    current = ("", "none") if active is None else (str(active.number), list_workers(active))
    others = [describe_generation(other) for other in view.generations if other is not active]
    return view.name, str(view.position), str(view.lag), *current, "\n".join(others)


def _describe_failure(view: str, failing: FailureHistory) -> str:
    tries, (failure, at) = failing.tries, failing.last
    since = f"{failing.first.at:%Y-%m-%d %H:%M:%S}"
    return (
        f"{view} has failed {quantity(tries, 'time')} since {since}, last at {at:%H:%M:%S}:"
        f" {failure.error}, {failure.detail}"
    )
