"""``nerve adopt``: go on from the end of a log that was restored from an older backup."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from api.cli.terminal import connect_runtime, output
from api.runtime import Runtime
from eventstore.mongo.driver import refused_if_forbidden
from projections.projecting.worker import drop_view
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.log_shortfall import Shortfall, find_shortfall


def adopt(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Go on from the end of a log that was restored from an older backup.

    Forgets what is known of positions beyond that end: the worker builds the views anew, and clients that
    resume after a position they hold are told to begin anew. Stop the API and the workers before.
    """
    asyncio.run(_adopt(sure=yes))


async def _adopt(*, sure: bool) -> None:
    async with connect_runtime(allow_shortfall=True, as_maintenance=True) as runtime:
        shortfall = await find_shortfall(runtime.log, runtime.checkpoints)
        if not shortfall.beyond:
            _say(f"the log ends at position {shortfall.head}, and nothing beyond it is known: nothing to do")
            return
        for what, position in shortfall.beyond.items():
            _say(f"{what} is at position {position}, but the log ends at {shortfall.head}")
        if not sure:
            typer.confirm("Go on from the end of the log, and forget what was beyond it?", abort=True)
        await _forget(runtime, shortfall)
    _say(f"nerve goes on from position {shortfall.head}; the worker builds the views anew")


async def _forget(runtime: Runtime, shortfall: Shortfall) -> None:
    # The log first: until the checkpoints are gone, nerve refuses to start.
    with refused_if_forbidden("mongo_url"):
        await runtime.log.adopt_end()
    for view in runtime.views:
        await drop_view(view, runtime.database)
    for name, position in (await runtime.checkpoints.furthest()).items():
        if position > shortfall.head:
            await Generations(runtime.database).drop(name)


def _say(text: str) -> None:
    output.print(text, highlight=False, markup=False, soft_wrap=True)
