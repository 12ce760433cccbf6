"""Which consumers are retired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import sentinel

import pytest

from api.retired_consumers import RetiredConsumers
from subscriptions.consumers.state import ConsumerState, GenerationState

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def state(consumer: str, **lease: Any) -> ConsumerState:
    generation = {
        "state": GenerationState.ACTIVE.value,
        "code": "",
        "begun_at": NOW,
        "partitions": {"0": {"position": 1, "epoch": 1, **lease}},
    }
    stored = {"revision": 1, "last": 1, "active": 1, "generations": {"1": generation}, "now": NOW}
    return ConsumerState.from_document(consumer, stored)


@pytest.mark.parametrize(
    ("consumer", "lease", "is_retired"),
    [
        ("view.notes", {}, True),
        ("view.notes", {"owner": "worker", "until": NOW + timedelta(seconds=1)}, False),
        ("view.notes", {"owner": "worker", "until": NOW - timedelta(seconds=1)}, True),
        ("view.tasks", {}, False),
        ("process.order", {}, True),
        ("webhook.default/one.0", {}, False),
    ],
)
def test_a_consumer_is_retired_that_is_neither_declared_nor_leased(
    consumer: str, lease: dict[str, Any], is_retired: bool
) -> None:
    """Webhooks are not in the settings. Another process may have other settings, and the lease."""
    retired = RetiredConsumers(["view.tasks"], sentinel.database)
    assert retired.contains(state(consumer, **lease)) == is_retired
