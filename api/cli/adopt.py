"""``nerve adopt``: continue after the log was restored from an older backup."""

from __future__ import annotations

import asyncio

from api.cli.confirmation import Yes, confirm
from api.cli.connection import connect_runtime
from api.cli.records import AsJson, print_result, sentence_printer
from api.runtime import Runtime
from eventstore.mongo.driver import refused_if_forbidden
from projections.projecting.view_worker import drop_view
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.log_shortfall import Shortfall, find_shortfall


def adopt(
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Continue from the end of a log that was restored from an older backup.

    The rows of all views are dropped, and workers build them again. The positions that clients have become
    invalid, so subscriptions must start again. Stop the API and all workers first.
    """
    asyncio.run(_adopt(yes=yes, as_json=as_json))


async def _adopt(*, yes: bool, as_json: bool) -> None:
    async with connect_runtime(allow_shortfall=True, as_maintenance=True) as runtime:
        shortfall = await find_shortfall(runtime.log, runtime.checkpoints)
        if not shortfall.beyond:
            text = f"the log ends at position {shortfall.head}, and nothing is ahead of it: nothing to do"
            print_result({"position": shortfall.head, "ahead": {}}, text, as_json=as_json)
            return
        report = sentence_printer(as_json=as_json)
        for name, position in shortfall.beyond.items():
            report(f"{name} is at position {position}, but the log ends at {shortfall.head}")
        if not yes:
            confirm("Continue from the end of the log, and drop everything ahead of it?")
        await _drop_ahead(runtime, shortfall)
        if runtime.unique_values.contexts:
            await runtime.claim_upkeep.rebuild()
    text = f"nerve continues from position {shortfall.head}; the worker rebuilds the views"
    print_result({"position": shortfall.head, "ahead": shortfall.beyond}, text, as_json=as_json)


async def _drop_ahead(runtime: Runtime, shortfall: Shortfall) -> None:
    # The log first: while checkpoints are ahead of it, nerve refuses to start.
    with refused_if_forbidden("mongo_url"):
        await runtime.log.adopt_end()
    for view in runtime.views:
        await drop_view(view, runtime.database)
    for name, position in (await runtime.checkpoints.furthest()).items():
        if position > shortfall.head:
            await Generations(runtime.database).drop(name)
