"""The runtime that the commands connect to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.devserver.folder import with_instance
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import load_settings


@asynccontextmanager
async def connect_runtime(
    *, allow_shortfall: bool = False, appends_events: bool = False, as_maintenance: bool = False
) -> AsyncIterator[Runtime]:
    """Open a runtime with the servers of the running instance, or with those that the settings name.

    `allow_shortfall`: see `open_runtime`. With `appends_events` the command appends events of registered
    contexts, so the code must be able to read the log. With `as_maintenance` it connects to MongoDB as the
    user of maintenance_url, if that is set.
    """
    settings = with_instance(load_settings())
    if as_maintenance and settings.maintenance_url is not None:
        settings = settings.model_copy(update={"mongo_url": settings.maintenance_url})
    async with open_runtime(
        settings, allow_shortfall=allow_shortfall, allow_unreadable=not appends_events
    ) as runtime:
        yield runtime
