"""Waiting until views hold what a command stored, and finding what they could not fold of it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from domain.builtin.deadletters.commands import DropDeadLetter, RetryDeadLetter
from domain.builtin.subjects.commands import EraseSubject
from domain.kernel import Command, Receipt
from domain.kernel.errors import RowParked
from projections.folding.parking import EventName, letter_id
from projections.kernel.view import View
from projections.querying.dead_letters import DeadLetterReader
from projections.querying.queries import ViewReader


def views_to_wait_for(
    command: Command, category: str, entity: View[Any] | None, views: Collection[View[Any]]
) -> Sequence[str]:
    """The views that must come further for `command` to have taken effect, the row of its `entity` apart.

    An erasure concerns every view: any may hold data of the subject. A decision about a dead letter concerns
    the view that it names, and any other command of a context without an entity each view of its events.
    """
    match command:
        case EraseSubject():
            return [view.name for view in views]
        case RetryDeadLetter() | DropDeadLetter():
            return [view.name for view in views if view.name == command.view]
        case _ if entity is None:
            return [view.name for view in views if category in view.categories]
    return []


class ProjectionWaits:
    """Waits for views. Its methods raise Unavailable where MongoDB does not answer."""

    def __init__(self, readers: Mapping[str, ViewReader], letters: DeadLetterReader) -> None:
        self._readers = readers
        self._letters = letters

    async def reach(self, views: Collection[str], position: int, within: float) -> None:
        """Wait until all of them are there. Raises StaleRead for one that is not within so many seconds."""
        await asyncio.gather(*(self._readers[view].wait_for(position, within) for view in views))

    async def check_folded(
        self, tenant: str, command: Command, receipt: Receipt, views: Collection[str]
    ) -> None:
        """Raise RowParked where an event that the command stored, or retried, waits in one of the views."""
        match command:
            case RetryDeadLetter():
                waits = await self._letters.holds(tenant, command)
                event = EventName(command.stream, command.version)
                if waits:
                    raise _parked(command.view, command.row, event)
            case EraseSubject() | DropDeadLetter():
                return
            case _:
                last = EventName(receipt.stream, receipt.version)
                for letter in await self._letters.waiting(tenant, views, last):
                    name = EventName(letter["stream"], letter["version"])
                    raise _parked(letter["view"], letter["row"], name)


def _parked(view: str, row: str | None, event: EventName) -> RowParked:
    return RowParked(view, row, event.stream, event.version, letter_id(view, row, event))
