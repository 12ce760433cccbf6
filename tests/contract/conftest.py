"""The contract of the log holds for both drivers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from eventstore.mongo.driver import Driver
from eventstore.options import DEFAULT_OPTIONS, CounterOptions, LogOptions
from tests.helpers.commits import RESERVED, Store, open_store

OpenStore = Callable[..., Awaitable[Store]]


@pytest.fixture
def counter() -> CounterOptions:
    """How the test's logs take positions; the mark `BOTH_COUNTER_PATHS` runs a test with each way."""
    return RESERVED


@pytest.fixture
async def open_another(
    mongo_url: str, database: str, driver: Driver, counter: CounterOptions
) -> AsyncIterator[OpenStore]:
    """Opens the test's log once more, as another process would."""
    async with AsyncExitStack() as stack:

        async def another(options: LogOptions = DEFAULT_OPTIONS, **others: Any) -> Store:
            options = replace(options, appends=replace(options.appends, counter=counter))
            store = open_store(mongo_url, database, driver, options=options, **others)
            return await stack.enter_async_context(store)

        yield another


@pytest.fixture
async def store(open_another: OpenStore) -> Store:
    return await open_another()
