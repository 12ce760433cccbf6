"""The contract of the log holds for both drivers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from eventstore.driver import Driver
from tests.commits import Store, open_store

OpenStore = Callable[..., Awaitable[Store]]


@pytest.fixture
async def open_another(mongo_url: str, database: str, driver: Driver) -> AsyncIterator[OpenStore]:
    """Opens the test's log once more, as another process would."""
    async with AsyncExitStack() as stack:

        async def another(**options: Any) -> Store:
            return await stack.enter_async_context(open_store(mongo_url, database, driver, **options))

        yield another


@pytest.fixture
async def store(open_another: OpenStore) -> Store:
    return await open_another()
