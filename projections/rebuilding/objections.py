"""Objections against a rebuilt generation: that it would lose what the active one has.

Changed code explains rows with other content, and more rows. It explains neither an event that is a dead
letter now and was folded before, nor a row that is missing now. Both may be intended, but both are also what
a mistake in the code looks like, so a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from domain.kernel.names import quantity
from eventstore.mongo.driver import Collection, Database, Document, unavailable_if_down
from projections.folding.dead_letter_documents import DEAD_LETTERS
from projections.folding.parking import EventName, parked_in, parking_row
from projections.kernel.view import View
from projections.rebuilding.comparison import Comparison
from projections.storage.rows import collection, row_key
from subscriptions.consumers.state import Generation

PAGE_SIZE = 1_000
"""Most dead letters that are compared at a time."""

MAX_COUNTED = 10_000
"""Most new dead letters that are counted."""

FIELDS = {"_id": 1, "tenant": 1, "key": 1, "stream": 1, "version": 1, "type": 1, "error": 1, "detail": 1}

ParkedVersions = Mapping[str, Mapping[str, int]]
"""By the key of a row and by stream, the first version that is parked in the row."""


class NewDeadLetters(NamedTuple):
    """The number of events that are dead letters only in the new generation, and the first of them."""

    events: int = 0
    type: str = ""
    error: str = ""
    detail: str = ""


async def new_dead_letters(view: View[Any], database: Database, old: int, new: int) -> NewDeadLetters:
    """Count the dead letters of generation `new` whose events generation `old` has folded.

    A dead letter only says where to look; whether the event is parked is read from the row. Raises
    Unavailable.
    """
    count, first, last_id = 0, NewDeadLetters(), ""
    while count < MAX_COUNTED:
        page = await _page(database, view, new, last_id)
        if not page:
            break
        last_id = page[-1]["_id"]
        keys = {key for letter in page for key in (letter["key"], _own_key(letter))}
        before = await _parked_versions(collection(database, view, old), old, keys)
        now = await _parked_versions(collection(database, view, new), new, keys)
        letters = [letter for letter in page if _is_parked(letter, now) and not _is_parked(letter, before)]
        if letters and not count:
            first = NewDeadLetters(0, letters[0]["type"], letters[0]["error"], letters[0]["detail"])
        count += len(letters)
    return first._replace(events=count)


async def _page(database: Database, view: View[Any], generation: int, after: str) -> list[Document]:
    query = {"view": view.name, "generation": generation, "_id": {"$gt": after}}
    with unavailable_if_down():
        cursor = database[DEAD_LETTERS].find(query, FIELDS)
        return await cursor.sort([("_id", 1)]).limit(PAGE_SIZE).to_list(None)


async def _parked_versions(rows: Collection, generation: int, keys: Iterable[str]) -> ParkedVersions:
    query = {"_id": {"$in": sorted(keys)}, "_generation": generation, "_parked": {"$exists": True}}
    with unavailable_if_down():
        stored = await rows.find(query, {"_parked": 1}).to_list(None)
    return {row["_id"]: {parked.stream: parked.version for parked in parked_in(row)} for row in stored}


def _own_key(letter: Document) -> str:
    """The key under which the event is parked if the rows that it touches are unknown."""
    return row_key(*parking_row(letter["tenant"], EventName(letter["stream"], letter["version"])))


def _is_parked(letter: Document, parked: ParkedVersions) -> bool:
    """Whether the event is parked, or an earlier one of its stream, behind which it waits."""
    for key in (letter["key"], _own_key(letter)):
        first = parked.get(key, {}).get(letter["stream"])
        if first is not None and first <= letter["version"]:
            return True
    return False


def objections(
    active: Generation, candidate: Generation, comparison: Comparison, dead_letters: NewDeadLetters
) -> tuple[str, ...]:
    """Return the objections against `candidate` as sentences, without a name of a row or stream.

    Missing rows are intended if both generations have the same code, or if `candidate` was active before.
    """
    return tuple(_objections(active, candidate, comparison, dead_letters))


def _objections(
    active: Generation, candidate: Generation, comparison: Comparison, dead_letters: NewDeadLetters
) -> Iterator[str]:
    if dead_letters.events:
        or_more = " or more" if dead_letters.events >= MAX_COUNTED else ""
        yield (
            f"it parks {dead_letters.events:,}{or_more} events that generation {active.number} has folded, "
            f"such as {dead_letters.type} ({dead_letters.error}: {dead_letters.detail})"
        )
    if comparison.missing and active.code != candidate.code and not candidate.proven:
        yield f"it lacks {quantity(comparison.missing, 'row')} that generation {active.number} has"
