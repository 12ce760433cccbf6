"""The settings that the commands use, and the runtime that they connect to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.cli.terminal import warn
from api.devserver.folder import differing_settings, with_instance
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings, load_settings


def command_settings() -> Settings:
    """Return the settings, completed by those of the running instance; warn where they differ from it."""
    settings = with_instance(load_settings())
    if names := differing_settings(settings):
        own = ", ".join(f"{name} {getattr(settings, name)!r}" for name in names)
        warn(f"nerve: the settings here are not those of the nerve that is running; this command uses {own}")
    return settings


@asynccontextmanager
async def connect_runtime(
    *, allow_shortfall: bool = False, appends_events: bool = False, as_maintenance: bool = False
) -> AsyncIterator[Runtime]:
    """Open a runtime with the servers of the running instance, or with those that the settings name.

    `allow_shortfall`: see `open_runtime`. With `appends_events` the command appends events of registered
    contexts, so the code must be able to read the log. With `as_maintenance` it connects to MongoDB as the
    user of maintenance_url, if that is set.
    """
    settings = command_settings()
    if as_maintenance and settings.maintenance_url is not None:
        settings = settings.model_copy(update={"mongo_url": settings.maintenance_url})
    async with open_runtime(
        settings, allow_shortfall=allow_shortfall, allow_unreadable=not appends_events
    ) as runtime:
        yield runtime
