"""What becomes of a command, up to the views that its events are for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import NamedTuple

from domain.kernel import Commit
from domain.kernel.errors import StaleRead
from projections.projecting.folding import touches
from projections.querying.queries import ViewReader
from subscriptions.commands.watch import CommandWatch, Outcome, Stored
from subscriptions.messages import Place

PATIENCE = 60.0
"""Seconds of one wait for a view."""


class Projected(NamedTuple):
    """The view, by its name, has all events of the command."""

    view: str
    place: Place


CommandMessage = Outcome | Projected


class CommandStatus:
    """Serves whoever watches a command; `readers` are those of all views."""

    def __init__(self, watch: CommandWatch, readers: Mapping[str, ViewReader]) -> None:
        self._watch = watch
        self._readers = readers

    async def follow(self, tenant: str, id: str) -> AsyncGenerator[CommandMessage, None]:
        """As `CommandWatch.watch`; after `Stored` what follows from that, and then it ends."""
        commit = None
        async with aclosing(self._watch.watch(tenant, id)) as outcomes:
            async for outcome in outcomes:
                yield outcome
                if isinstance(outcome, Stored):
                    commit = outcome.commit
        if commit is not None:
            async with aclosing(self._consequences(commit)) as consequences:
                async for one in consequences:
                    yield one

    async def _consequences(self, commit: Commit) -> AsyncGenerator[Projected, None]:
        """What the commit leads to beyond the log: each view that folds an event of it, once it has."""
        concerned = [reader for reader in self._readers.values() if touches(reader.view, [commit])]
        waiting = [asyncio.create_task(_reached(reader, commit.position)) for reader in concerned]
        try:
            for reached in asyncio.as_completed(waiting):
                yield await reached
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


async def _reached(reader: ViewReader, position: int) -> Projected:
    while True:
        try:
            await reader.wait_for(position, PATIENCE)
        except StaleRead:
            continue
        return Projected(reader.view.name, Place(position))
