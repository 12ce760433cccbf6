"""Fixtures for tests without servers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.row import TALLY, Row


@pytest.fixture
async def row() -> AsyncIterator[Row]:
    """A bus over a log in memory, which holds a tally."""
    row = Row()
    row.log.intrude(TALLY, 0)
    yield row
    await row.end()
