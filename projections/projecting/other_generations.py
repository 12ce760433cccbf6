"""Erasure in the generations of a view other than the active one.

A generation that was stopped does not reach the erasure by itself, and still holds what was folded before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eventstore.log import EventLog
from eventstore.mongo.driver import Database
from projections.folding.dead_letter_documents import DeadLetters
from projections.folding.refolding import Refolder
from projections.folding.scrubbing import Scrubber
from projections.kernel.view import View
from projections.querying.leftovers import clear_leftovers
from projections.querying.locator import consumer_name
from projections.storage.rows import collection
from projections.storage.view_fingerprint import view_fingerprint
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.state import WHOLE


class OtherGenerations:
    """The generations of one view that are not the active one."""

    def __init__(self, view: View[Any], database: Database, log: EventLog, letters: DeadLetters) -> None:
        self._view = view
        self._database = database
        self._log = log
        self._letters = letters

    async def scrub(self, tenant: str, subjects: Sequence[str], position: int, active: int) -> None:
        """Erase subjects that were erased at `position`, if `active` is the active generation.

        In a generation of the same code, the rows concerned are folded again up to the erasure; it may be
        resumed from where it was. A generation of other code cannot be folded here: it is removed, unless it
        is being built and so reaches the erasure. Raises Unavailable.
        """
        state = await Checkpoints(self._database).state(consumer_name(self._view))
        if state.active != active:
            return
        code = view_fingerprint(self._view)
        for other in state.generations.values():
            if other.number != active and other.code == code:
                rows = collection(self._database, self._view, other.number)
                refolder = Refolder(self._view, rows, self._log, self._letters, WHOLE)
                scrubber = Scrubber(self._view, rows, refolder)
                await scrubber.scrub(tenant, subjects, position, other.number)
            elif not other.state.running:
                await Generations(self._database).remove(state.consumer, other.number)
        await clear_leftovers(self._view, self._database)
