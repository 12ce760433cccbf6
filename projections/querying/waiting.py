"""Waiting until views contain the events of a command, and reporting those that could not be folded."""

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
from projections.querying.dead_letter_reader import DeadLetterReader
from projections.querying.queries import ViewReader


def views_to_wait_for(
    command: Command, category: str, entity: View[Any] | None, views: Collection[View[Any]]
) -> Sequence[str]:
    """Return the views that must advance before `command` has taken effect, besides its `entity`'s row.

    An erasure concerns every view, because any view can contain data of the subject. A decision about a dead
    letter concerns the view that it names. Any other command of a context without an entity concerns each
    view of its events.
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
    """Waits for views. Its methods raise Unavailable if MongoDB does not answer."""

    def __init__(self, readers: Mapping[str, ViewReader], letters: DeadLetterReader) -> None:
        self._readers = readers
        self._letters = letters

    async def reach(self, views: Collection[str], position: int, within: float) -> None:
        """Wait until all views have reached `position`. Raises StaleRead if one has not `within` seconds."""
        await asyncio.gather(*(self._readers[view].wait_for(position, within) for view in views))

    async def check_folded(
        self, tenant: str, command: Command, receipt: Receipt, views: Collection[str]
    ) -> None:
        """Raise RowParked if an event that the command stored, or retried, is parked in one of the views."""
        match command:
            case RetryDeadLetter():
                event = EventName(command.stream, command.version)
                if await self._letters.is_parked(tenant, command):
                    raise _row_parked(command.view, command.row, event)
            case EraseSubject() | DropDeadLetter():
                return
            case _:
                last = EventName(receipt.stream, receipt.version)
                for letter in await self._letters.waiting(tenant, views, last):
                    name = EventName(letter["stream"], letter["version"])
                    raise _row_parked(letter["view"], letter["row"], name)


def _row_parked(view: str, row: str | None, event: EventName) -> RowParked:
    return RowParked(view, row, event.stream, event.version, letter_id(view, row, event))
