"""What the commands share: the terminal they print to, and the runtime they connect to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.progress import Progress, ProgressColumn

from api.devserver.folder import with_instance
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import load_settings

output = Console()
errors = Console(stderr=True)


def say(text: str) -> None:
    """Print a line of the result to stdout, as it is."""
    output.print(text, highlight=False, markup=False, soft_wrap=True)


def warn(text: str) -> None:
    """Print a line to stderr, as it is."""
    errors.print(text, highlight=False, markup=False, soft_wrap=True)


def progress_bars(*columns: ProgressColumn, disable: bool = False) -> Progress:
    """Return progress bars that are shown on stderr if it is a terminal, and removed at the end."""
    return Progress(*columns, console=errors, transient=True, disable=disable or not errors.is_terminal)


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
