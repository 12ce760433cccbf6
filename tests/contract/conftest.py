"""The contract of the log holds for both drivers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from eventstore.appending import position_allocator
from eventstore.mongo.driver import Driver
from tests.commits import Store, open_store

OpenStore = Callable[..., Awaitable[Store]]


@pytest.fixture
async def open_another(mongo_url: str, database: str, driver: Driver) -> AsyncIterator[OpenStore]:
    """Opens the test's log once more, as another process would."""
    async with AsyncExitStack() as stack:

        async def another(**options: Any) -> Store:
            return await stack.enter_async_context(open_store(mongo_url, database, driver, **options))

        yield another


@pytest.fixture(params=["reserved", "direct"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once with positions reserved, once with logs that take themselves for the only writer if they can."""
    monkeypatch.setattr(
        position_allocator, "SOLE_AFTER", float("inf") if request.param == "reserved" else 0.0
    )
    monkeypatch.setattr(position_allocator, "BUSY", 0)


@pytest.fixture
async def store(open_another: OpenStore) -> Store:
    return await open_another()
