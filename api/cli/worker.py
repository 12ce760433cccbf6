"""``nerve worker``: keeps the views up to date until it is stopped."""

from __future__ import annotations

import asyncio
import signal

import uvloop

from api.cli.service import service_settings
from api.lifecycle import open_runtime
from api.settings import Settings
from api.tracing.opening import open_tracing


def worker() -> None:
    """Project the events of the log into the views. Several workers share the views."""
    uvloop.run(_work(service_settings()))


async def _work(settings: Settings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with (
        open_tracing(settings.tracing) as tracing,
        open_runtime(settings, worker=True, make_instruments=tracing.make_instruments),
    ):
        await stopped.wait()
