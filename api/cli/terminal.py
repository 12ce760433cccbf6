"""What the commands share: where they print, and the running nerve they speak to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console

from api.composition import Nerve, open_nerve
from api.servers.folder import connected
from api.settings import load_settings

output = Console()
errors = Console(stderr=True)


@asynccontextmanager
async def running_nerve(*, short: bool = False) -> AsyncIterator[Nerve]:
    """The servers of the running instance, or those that the settings name; `short`: see `open_nerve`."""
    async with open_nerve(connected(load_settings()), short=short) as nerve:
        yield nerve
