"""Removal of rows whose generation no longer exists."""

from __future__ import annotations

from typing import Any

from eventstore.mongo.driver import Database, time_limit, unavailable_if_down
from projections.kernel.view import View
from projections.querying.locator import consumer_name
from projections.storage.indexes import BUILD_LIMIT
from projections.storage.rows import SLOTS, slots
from subscriptions.consumers.checkpoints import Checkpoints


async def clear_leftovers(view: View[Any], database: Database) -> None:
    """Remove the rows from those of the view's collections that no generation uses.

    If there are none this costs almost nothing. A generation that begins in a collection removes the rows of
    earlier ones there. Raises Unavailable.
    """
    state = await Checkpoints(database).state(consumer_name(view))
    used_slots = {number % SLOTS for number in state.generations}
    with unavailable_if_down(), time_limit(BUILD_LIMIT):
        for number, slot in enumerate(slots(view)):
            if number not in used_slots:
                # A generation that begins there during this has a higher number.
                await database[slot].delete_many({"_generation": {"$lte": state.last}})
