"""Rows of generations that are no more."""

from __future__ import annotations

from typing import Any

from eventstore.mongo.driver import Database, time_limit, unavailable_if_down
from projections.kernel.view import View
from projections.querying.locator import consumer_name
from projections.storage.indexes import BUILD_LIMIT
from projections.storage.rows import SLOTS, slots
from subscriptions.consumers.checkpoints import Checkpoints


async def clear_leftovers(view: View[Any], database: Database) -> None:
    """Remove the rows in those of the view's collections that none of its generations uses.

    Where there are none this costs next to nothing. What another generation left in a collection that is in
    use went when that one began there. Raises Unavailable.
    """
    state = await Checkpoints(database).state(consumer_name(view))
    used = {number % SLOTS for number in state.generations}
    with unavailable_if_down(), time_limit(BUILD_LIMIT):
        for place, slot in enumerate(slots(view)):
            if place not in used:
                # One that begins there meanwhile has a higher number.
                await database[slot].delete_many({"_generation": {"$lte": state.last}})
