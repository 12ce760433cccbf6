"""What the commands share: where they print, and the running nerve they speak to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console

from api.composition import Runtime, open_runtime
from api.devserver.folder import with_instance
from api.settings import load_settings

output = Console()
errors = Console(stderr=True)


@asynccontextmanager
async def connect_runtime(
    *, short: bool = False, maintain: bool = False, operate: bool = True
) -> AsyncIterator[Runtime]:
    """The servers of the running instance, or those that the settings name.

    `short`, `operate`: see `open_runtime`. With `maintain` it is the user of maintenance_url, if that is set.
    """
    settings = with_instance(load_settings())
    if maintain and settings.maintenance_url is not None:
        settings = settings.model_copy(update={"mongo_url": settings.maintenance_url})
    async with open_runtime(settings, short=short, operate=operate) as runtime:
        yield runtime
