"""What becomes of a command, up to the views that its events are for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from domain.kernel import Commit
from domain.kernel.errors import StaleRead
from eventstore.personal.erasure import erased_subjects
from projections.folding.folding import touches
from projections.folding.parking import EventName
from projections.folding.retrying import orders_in
from projections.kernel.view import View
from projections.querying.dead_letters import DeadLetterReader, id_of
from projections.querying.queries import ViewReader
from subscriptions.live.command_watch import CommandOutcome, CommandStored, CommandWatch
from subscriptions.live.messages import Place

PATIENCE = 60.0
"""Seconds of one wait for a view."""


class CommandProjected(NamedTuple):
    """The view, by its name, has come past the command's events, and has done with them what they ask.

    `parked` are the ids of the dead letters that wait there instead: events that it could not fold.
    """

    view: str
    place: Place
    parked: Sequence[str] = ()


CommandMessage = CommandOutcome | CommandProjected


class CommandStatus:
    """Serves whoever watches a command; `readers` are those of all views."""

    def __init__(
        self, watch: CommandWatch, readers: Mapping[str, ViewReader], letters: DeadLetterReader
    ) -> None:
        self._watch = watch
        self._readers = readers
        self._letters = letters

    async def follow(self, tenant: str, id: str) -> AsyncGenerator[CommandMessage, None]:
        """As `CommandWatch.watch`; after `CommandStored` what follows from that, and then it ends."""
        commit = None
        async with aclosing(self._watch.watch(tenant, id)) as outcomes:
            async for outcome in outcomes:
                yield outcome
                if isinstance(outcome, CommandStored):
                    commit = outcome.commit
        if commit is not None:
            async with aclosing(self._consequences(commit)) as consequences:
                async for one in consequences:
                    yield one

    async def _consequences(self, commit: Commit) -> AsyncGenerator[CommandProjected, None]:
        """What the commit leads to beyond the log: one message for each view that an event of it concerns."""
        concerned = [reader for reader in self._readers.values() if _is_concerned(reader.view, commit)]
        waiting = [asyncio.create_task(self._reached(reader, commit)) for reader in concerned]
        try:
            for reached in asyncio.as_completed(waiting):
                yield await reached
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _reached(self, reader: ViewReader, commit: Commit) -> CommandProjected:
        assert commit.info is not None
        view, last = reader.view.name, commit.events[-1]
        while True:
            try:
                await reader.wait_for(commit.position, PATIENCE)
            except StaleRead:
                continue
            event = EventName(last.stream, last.version)
            letters = await self._letters.waiting(commit.info.tenant, [view], event)
            return CommandProjected(view, Place(commit.position), [id_of(letter) for letter in letters])


def _is_concerned(view: View[Any], commit: Commit) -> bool:
    """Whether the view folds an event of the commit, scrubs a subject for it, or settles a dead letter."""
    return bool(erased_subjects(commit) or orders_in(commit, view.name) or touches(view, [commit]))
