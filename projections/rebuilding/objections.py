"""What speaks against reading a generation that was built: that it would lose what the active one has.

Changed code explains that rows are others, and that there are more of them. It explains neither that an event
waits as a dead letter which the active generation has folded, nor that a row is there no more: both may be
meant, but both are what a mistake in the code looks like, and so a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from eventstore.mongo.driver import Collection, Database, Document, unavailable_if_down
from projections.folding.dead_letters import DEAD_LETTERS
from projections.folding.parking import EventName, alone, parked_in
from projections.kernel.view import View
from projections.rebuilding.comparison import Comparison
from projections.storage.rows import collection, row_key
from subscriptions.consumers.state import Generation

PAGE = 1_000
"""Dead letters that are compared at a time."""

COUNTED = 10_000
"""Of those that count against a generation so many are counted at most."""

READ = {"_id": 1, "tenant": 1, "key": 1, "stream": 1, "version": 1, "type": 1, "error": 1, "detail": 1}

Waiting = Mapping[str, Mapping[str, int]]
"""By the key of a row, the first version of each stream that waits in it."""


class NewDeadLetters(NamedTuple):
    """How many dead letters one generation has of events that another has folded, and the first of them."""

    events: int = 0
    type: str = ""
    error: str = ""
    detail: str = ""


async def new_dead_letters(view: View[Any], database: Database, old: int, new: int) -> NewDeadLetters:
    """The dead letters of generation `new` whose events generation `old` has folded. Raises Unavailable.

    A letter says where to look; what counts is the row.
    """
    found, last = NewDeadLetters(), ""
    while found.events < COUNTED:
        page = await _page(database, view, new, last)
        if not page:
            break
        last = page[-1]["_id"]
        keys = {key for letter in page for key in (letter["key"], _own_key(letter))}
        before = await _waiting(collection(database, view, old), old, keys)
        now = await _waiting(collection(database, view, new), new, keys)
        ours = [letter for letter in page if _waits(letter, now) and not _waits(letter, before)]
        if ours:
            first = (ours[0]["type"], ours[0]["error"], ours[0]["detail"])
            found = NewDeadLetters(found.events + len(ours), *(found[1:] if found.events else first))
    return found


async def _page(database: Database, view: View[Any], generation: int, after: str) -> list[Document]:
    wanted = {"view": view.name, "generation": generation, "_id": {"$gt": after}}
    with unavailable_if_down():
        found = database[DEAD_LETTERS].find(wanted, READ)
        return await found.sort([("_id", 1)]).limit(PAGE).to_list(None)


async def _waiting(rows: Collection, generation: int, keys: Iterable[str]) -> Waiting:
    wanted = {"_id": {"$in": sorted(keys)}, "_generation": generation, "_parked": {"$exists": True}}
    with unavailable_if_down():
        stored = await rows.find(wanted, {"_parked": 1}).to_list(None)
    return {row["_id"]: {parked.stream: parked.version for parked in parked_in(row)} for row in stored}


def _own_key(letter: Document) -> str:
    """Where the event waits if the rows it touches are unknown."""
    return row_key(*alone(letter["tenant"], EventName(letter["stream"], letter["version"])))


def _waits(letter: Document, waiting: Waiting) -> bool:
    """Whether the event waits there, or behind an earlier one of its stream."""
    for key in (letter["key"], _own_key(letter)):
        first = waiting.get(key, {}).get(letter["stream"])
        if first is not None and first <= letter["version"]:
            return True
    return False


def objections(
    old: Generation, new: Generation, comparison: Comparison, parked: NewDeadLetters
) -> tuple[str, ...]:
    """What speaks against reading `new` in place of `old`, in words without a name of a row or stream.

    Where both are of one code, or `new` was read before, rows that are missing are what was asked for.
    """
    return tuple(_objections(old, new, comparison, parked))


def _objections(
    old: Generation, new: Generation, comparison: Comparison, parked: NewDeadLetters
) -> Iterable[str]:
    if parked.events:
        count = f"{parked.events} or more" if parked.events >= COUNTED else str(parked.events)
        yield (
            f"it parks {count} events that generation {old.number} has folded, such as {parked.type} "
            f"({parked.error}: {parked.detail})"
        )
    if comparison.missing and old.code != new.code and not new.proven:
        yield f"it lacks {comparison.missing} rows that generation {old.number} has"
