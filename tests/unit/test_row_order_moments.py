"""Rows that are read without the driver have moments without a time zone, which are in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from projections.querying.ordering import parse_order
from projections.views import tasks


def test_a_moment_without_a_time_zone_is_in_utc() -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, 250_000)
    order = parse_order(tasks.view, [("created_at", "desc")])
    naive, aware = ({"id": "task-1", "created_at": at} for at in (moment, moment.replace(tzinfo=UTC)))
    assert order.cursor(naive) == order.cursor(aware)
    assert order.key(naive) == order.key(aware)
