"""The status of a command: whether it is stored, which views contain its events, and what it has started."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain.kernel import Commit
from domain.kernel.errors import StaleRead
from eventstore.personal.erasure import erased_subjects
from eventstore.place import Place
from projections.folding.folding import touches
from projections.folding.parking import EventName
from projections.folding.retrying import decisions_in
from projections.kernel.view import View
from projections.live.started_processes import InstanceEnd, StartedProcesses
from projections.querying.dead_letter_reader import DeadLetterReader, id_of
from projections.querying.queries import ViewReader
from subscriptions.live.command_watch import CommandOutcome, CommandStored, CommandWatch

VIEW_WAIT = 60.0
"""Seconds of one wait for a view."""


class CommandProjected(NamedTuple):
    """A view, by its name, has handled the command's events.

    `parked` are the ids of the dead letters of events that it could not fold.
    """

    view: str
    place: Place
    parked: Sequence[str] = ()


CommandMessage = CommandOutcome | CommandProjected | InstanceEnd


@dataclass(frozen=True, slots=True)
class StatusScope:
    """What a subscriber sees of the status of commands.

    It sees commands that it sent itself as `actor`, and the progress of these `views`; without an actor it
    sees none.
    """

    actor: str | None
    views: Collection[str]

    def shows(self, actor: str | None) -> bool:
        """Return whether the subscriber sees commands of the actor."""
        return actor is not None and actor == self.actor


class CommandStatus:
    """Follows commands for their watchers. `readers` are those of all views."""

    def __init__(
        self,
        watch: CommandWatch,
        readers: Mapping[str, ViewReader],
        letters: DeadLetterReader,
        started: StartedProcesses,
    ) -> None:
        self._watch = watch
        self._readers = readers
        self._letters = letters
        self._started = started

    async def follow(
        self, tenant: str, id: str, scope: StatusScope | None = None
    ) -> AsyncGenerator[CommandMessage, None]:
        """Yield what `CommandWatch.watch` yields, then one message for each view and each started instance.

        That of an instance comes when it has ended. With a `scope` there are messages for its commands and
        its views alone, and none for instances.
        """
        commit = None
        watch = self._watch.watch(tenant, id) if scope is None else self._watch.watch(tenant, id, scope.shows)
        async with aclosing(watch) as outcomes:
            async for outcome in outcomes:
                yield outcome
                if isinstance(outcome, CommandStored):
                    commit = outcome.commit
        if commit is not None:
            async with aclosing(self._consequences(commit, scope)) as consequences:
                async for consequence in consequences:
                    yield consequence

    async def _consequences(
        self, commit: Commit, scope: StatusScope | None
    ) -> AsyncGenerator[CommandProjected | InstanceEnd, None]:
        readers = [reader for name, reader in self._readers.items() if scope is None or name in scope.views]
        waits: list[Coroutine[Any, Any, CommandProjected | InstanceEnd | None]] = [
            self._projected(reader, commit) for reader in readers if _is_concerned(reader.view, commit)
        ]
        if scope is None:
            instances = self._started.candidates(commit)
            waits += [self._started.end(commit, instance) for instance in instances]
        tasks = [asyncio.create_task(wait) for wait in waits]
        try:
            for task in asyncio.as_completed(tasks):
                if (consequence := await task) is not None:
                    yield consequence
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _projected(self, reader: ViewReader, commit: Commit) -> CommandProjected:
        assert commit.info is not None
        view, last = reader.view.name, commit.events[-1]
        while True:
            try:
                await reader.wait_for(commit.position, VIEW_WAIT)
            except StaleRead:
                continue
            event = EventName(last.stream, last.version)
            letters = await self._letters.waiting(commit.info.tenant, [view], event)
            return CommandProjected(view, Place(commit.position), [id_of(letter) for letter in letters])


def _is_concerned(view: View[Any], commit: Commit) -> bool:
    """Return whether the view folds an event of the commit, erases a subject, or settles a dead letter."""
    return bool(erased_subjects(commit) or decisions_in(commit, view.name) or touches(view, [commit]))
