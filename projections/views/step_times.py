"""The view `step_times`: how long each step of workflows takes."""

from __future__ import annotations

from bisect import bisect_left
from math import ceil, log
from typing import TypedDict

from domain.kernel import RecordedEvent
from domain.kernel.access import signed_in
from domain.kernel.fields import Int32
from domain.workflows import context
from domain.workflows.events import WorkflowStepCompleted
from projections.kernel.view import View

GROWTH = 1.04
"""Each bucket ends so much further than the one before it, so a percentile is 2 percent off at most."""

SHORTEST = 0.001
"""Seconds: the first bucket ends here."""


class StepTimeBucket(TypedDict):
    """How many steps took at most `seconds`, and longer than the bucket before it allows."""

    seconds: float
    steps: Int32


class StepTimeRow(TypedDict):
    """How long the steps of one name took, over all workflows, in seconds.

    `steps` counts those whose duration is known. A percentile is what so many of a hundred took at most, and
    less than 2 percent off: it is the middle of a bucket, as in C. Masson and others, "DDSketch" (VLDB 2019).
    """

    id: str
    name: str
    steps: Int32
    total_seconds: float
    shortest: float
    longest: float
    p50: float
    p90: float
    p99: float
    buckets: list[StepTimeBucket]


def _key(event: RecordedEvent) -> tuple[str, ...]:
    payload = event.payload
    if isinstance(payload, WorkflowStepCompleted) and payload.duration_seconds is not None:
        return (payload.name,)
    return ()


def _apply(id: str, row: StepTimeRow | None, event: RecordedEvent) -> StepTimeRow | None:
    payload = event.payload
    if not isinstance(payload, WorkflowStepCompleted) or payload.duration_seconds is None:
        return row
    seconds = payload.duration_seconds
    before: list[StepTimeBucket] = [] if row is None else row["buckets"]
    buckets, steps = counted(before, seconds), 1 if row is None else row["steps"] + 1
    shortest = seconds if row is None else min(seconds, row["shortest"])
    longest = seconds if row is None else max(seconds, row["longest"])
    p50, p90, p99 = (min(longest, max(shortest, percentile(buckets, steps, p))) for p in (50, 90, 99))
    return StepTimeRow(
        id=id,
        name=payload.name,
        steps=steps,
        total_seconds=round(seconds + (0.0 if row is None else row["total_seconds"]), 3),
        shortest=shortest,
        longest=longest,
        p50=p50,
        p90=p90,
        p99=p99,
        buckets=buckets,
    )


def counted(buckets: list[StepTimeBucket], seconds: float) -> list[StepTimeBucket]:
    """The buckets, in their order, with one step more."""
    end = _end(seconds)
    at = bisect_left(buckets, end, key=_seconds)
    same = at < len(buckets) and buckets[at]["seconds"] == end
    more = StepTimeBucket(seconds=end, steps=1 + (buckets[at]["steps"] if same else 0))
    return [*buckets[:at], more, *buckets[at + same :]]


def percentile(buckets: list[StepTimeBucket], steps: int, percent: int) -> float:
    """What `percent` of the steps took at most; the `steps` are all that the buckets count."""
    rank = ceil(steps * percent / 100)
    for bucket in buckets:
        rank -= bucket["steps"]
        if rank <= 0:
            return _middle(bucket["seconds"])
    raise ValueError(f"the buckets count fewer than {steps} steps")


def _end(seconds: float) -> float:
    """Where the bucket of a duration ends."""
    place = max(0, ceil(log(max(seconds, SHORTEST) / SHORTEST, GROWTH) - 1e-9))
    return float(f"{SHORTEST * GROWTH**place:.9g}")


def _middle(end: float) -> float:
    """The value that is relatively nearest to both ends of a bucket; 0 for the first one."""
    return 0.0 if end <= SHORTEST else float(f"{2 * end / (1 + GROWTH):.6g}")


def _seconds(bucket: StepTimeBucket) -> float:
    return bucket["seconds"]


view = View(
    name="step_times",
    singular="step_time",
    context=context,
    row=StepTimeRow,
    key=_key,
    apply=_apply,
    filters=("name", "steps", "p50", "p90", "p99"),
    orders=("name", "steps", "total_seconds", "p50", "p90", "p99"),
    description="The seconds that steps of one name take in all workflows, with percentiles.",
    access=signed_in,
)
