"""What a wait for a view says is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.kernel.errors import StaleRead
from domain.kernel.obstacles import Obstacle
from projections.querying.locator import obstacle
from subscriptions.consumers.state import ConsumerState

NOW = datetime(2026, 1, 31, tzinfo=UTC)
OWN, OTHER = "own.nerve", "other.nerve"
HELD: dict[str, Any] = {
    "position": 1,
    "epoch": 1,
    "owner": "a worker",
    "until": NOW + timedelta(seconds=3),
    "code": OWN,
}
STILL: dict[str, Any] = {**HELD, "code": OTHER}
LEFT: dict[str, Any] = {**HELD, "until": NOW - timedelta(seconds=3)}
FAILED = {"error": "Unavailable", "detail": "no key", "at": NOW}
BLOCKED: dict[str, Any] = {
    **LEFT,
    "blocked": {"called": "apply", "subject": "an event", "place": "f.py:1", "seconds": 4.0, "at": NOW},
}
ENDED: dict[str, Any] = {**LEFT, "blocked": {**BLOCKED["blocked"], "at": NOW - timedelta(seconds=60)}}
FAILING: dict[str, Any] = {**HELD, "failing": {"tries": 2, "first": FAILED, "last": FAILED}}


def state(*partitions: dict[str, Any], candidate: str | None = None) -> ConsumerState:
    shares = {str(number): one for number, one in enumerate(partitions)}
    generations = {"1": {"state": "ACTIVE", "code": OWN, "begun_at": NOW, "partitions": shares}}
    if candidate is not None:
        generations["2"] = {"state": candidate, "code": OTHER, "begun_at": NOW, "partitions": {"0": STILL}}
    stored = {"revision": 1, "last": 2, "active": 1, "generations": generations, "now": NOW}
    return ConsumerState.from_document("view.tasks", stored)


@pytest.mark.parametrize(
    ("partitions", "expected"),
    [
        ([HELD, HELD], Obstacle.BEHIND),
        ([HELD, LEFT], Obstacle.NO_WORKER),
        ([{"position": 1, "epoch": 0}], Obstacle.NO_WORKER),
        ([HELD, FAILING], Obstacle.FAILING),
        ([HELD, BLOCKED], Obstacle.BLOCKED),
        ([HELD, ENDED], Obstacle.NO_WORKER),
        ([STILL, FAILING], Obstacle.REBUILDING),
    ],
)
def test_b3_a_stale_read_says_what_is_missing(partitions: list[dict[str, Any]], expected: Obstacle) -> None:
    found = obstacle(state(*partitions))
    assert found is expected
    stale = StaleRead("tasks", 3, found)
    assert str(stale).endswith(expected.value)
    assert stale.details() == {"view": "tasks", "reason": expected.name}


def test_b3_a_view_that_no_worker_has_seen_lacks_a_worker() -> None:
    assert obstacle(ConsumerState.from_document("view.tasks", None)) is Obstacle.NO_WORKER


@pytest.mark.parametrize(
    ("candidate", "expected"), [("BUILDING", Obstacle.REBUILDING), ("HELD", Obstacle.HELD)]
)
def test_b3_rows_that_wait_for_a_rebuild_say_so(candidate: str, expected: Obstacle) -> None:
    assert obstacle(state(STILL, candidate=candidate)) is expected
    assert obstacle(state(HELD, candidate=candidate)) is Obstacle.BEHIND
