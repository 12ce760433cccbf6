"""``nerve adopt``: go on from the end of a log that was restored from an older backup."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from api.cli.terminal import output, running_nerve
from api.composition import Nerve
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
    async with running_nerve(short=True, maintain=True) as nerve:
        shortfall = await find_shortfall(nerve.log, nerve.checkpoints)
        if not shortfall.beyond:
            _say(f"the log ends at position {shortfall.head}, and nothing beyond it is known: nothing to do")
            return
        for what, position in shortfall.beyond.items():
            _say(f"{what} is at position {position}, but the log ends at {shortfall.head}")
        if not sure:
            typer.confirm("Go on from the end of the log, and forget what was beyond it?", abort=True)
        await _forget(nerve, shortfall)
    _say(f"nerve goes on from position {shortfall.head}; the worker builds the views anew")


async def _forget(nerve: Nerve, shortfall: Shortfall) -> None:
    # The log first: until the checkpoints are gone, nerve refuses to start.
    with refused_if_forbidden("mongo_url"):
        await nerve.log.adopt_end()
    for view in nerve.views:
        await drop_view(view, nerve.database)
    for name, position in (await nerve.checkpoints.furthest()).items():
        if position > shortfall.head:
            await Generations(nerve.database).drop(name)


def _say(text: str) -> None:
    output.print(text, highlight=False, markup=False, soft_wrap=True)
