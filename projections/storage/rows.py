"""The documents of rows: what a view stores in addition to the row's own fields, and where.

    {_id: "<tenant>/<id>", ...the row's fields, _tenant, _gone, _position, _place, _created, _generation}

`_position` is the position of the commit that changed the row last, `_place` the number of the row among
those that this commit touched, and `_created` the position at which the row was created. A row that is gone
keeps these fields, so that an older write cannot restore it.

If events were folded into it:

    {_command: the id of the command whose event changed the row last}

If events of the row's own stream (the stream that its id names) are folded into it:

    {_version: the stream's version after the last of them}

Rows that were written by older releases lack both. If events are parked in the row:

    {_parked: the first of each stream, see `parking`}

If events with personal data touched the row:

    {_subjects: whose data it was, _open: whose data could be read, _scrubbed: position of the last erasure}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pymongo.errors import BulkWriteError

from domain.kernel.errors import Unavailable
from eventstore.mongo.driver import DUPLICATE_KEY, Collection, Database, Document, Write
from eventstore.place import Place
from projections.kernel.view import View

Row = Mapping[str, Any]
"""A row as it is stored; its own fields are those without a leading underscore."""

SLOTS = 3
"""Generations of a view that have rows at the same time: one kept, the active one, and one being built."""

LIVE = ("_tenant", "_gone")
"""The fields that every query fixes, which therefore begin every index."""

META = frozenset(
    (
        "_id", "_tenant", "_gone", "_position", "_place", "_created", "_generation", "_version", "_subjects",
        "_open", "_parked", "_scrubbed", "_command",
    )
)  # fmt: skip
"""The names of the fields that are stored in addition to a row's own."""

BY_CHANGE = [("_position", 1), ("_place", 1)]
LAST_CHANGED_FIRST = [("_position", -1), ("_place", -1)]


def row_key(tenant: str, id: str) -> str:
    """Return the `_id` of a row. A tenant's name contains no slash."""
    return f"{tenant}/{id}"


def fields(stored: Row) -> dict[str, Any]:
    """Return the row's own fields."""
    return {name: value for name, value in stored.items() if not name.startswith("_")}


def changed_fields(before: Row, after: Row) -> tuple[str, ...]:
    """Return the names of the row's own fields that differ, sorted."""
    old, new = fields(before), fields(after)
    return tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))


def has_other_metadata(before: Row, after: Row) -> bool:
    """Return whether metadata that readers see has changed: the row's version, or the events parked in it.

    A version that is stored for the first time is no difference.
    """
    version = before.get("_version")
    advanced = version is not None and version != after.get("_version")
    return advanced or before.get("_parked") != after.get("_parked")


def place(stored: Row) -> Place:
    """Return the place of the row's last change."""
    return Place(stored["_position"], stored["_place"])


def slots(view: View[Any]) -> tuple[str, ...]:
    """Return the names of the collections that the view's generations use in turn."""
    return slots_of(view.name)


def slots_of(name: str) -> tuple[str, ...]:
    """Return what `slots` does, for a view of this name, which need not be declared any more."""
    return tuple(f"view_{name}_{slot}" for slot in range(SLOTS))


def collection(database: Database, view: View[Any], generation: int) -> Collection:
    """Return the collection with the rows of this generation of the view."""
    return database[slots(view)[generation % SLOTS]]


def key_filter(stored: Document, *, also_at: bool = False) -> dict[str, Any]:
    """Return the filter for the row that `stored` may replace: an earlier position or generation of its key.

    With `also_at`, the filter also matches the same position, at which a row is refolded.
    """
    generation, position = stored["_generation"], stored["_position"]
    older = [
        {"_generation": {"$lt": generation}},
        {"_generation": generation, "_position": {"$lte" if also_at else "$lt": position}},
    ]
    return {"_id": stored["_id"], "$or": older}


class WriteResult(NamedTuple):
    """The outcome of writes: the indexes of inserts whose row exists, and the number of replaced rows."""

    refused: Sequence[int]
    replaced: int


async def write(rows: Collection, writes: Sequence[Write]) -> WriteResult:
    """Execute the writes. Raises Unavailable if single writes fail, else what the driver raises.

    The text of Unavailable contains no rows; the driver's own error contains whole rows.
    """
    if not writes:
        return WriteResult((), 0)
    try:
        return WriteResult((), (await rows.bulk_write(writes, ordered=False)).matched_count)
    except BulkWriteError as error:
        refused = error.details["writeErrors"]
        codes = {failure["code"] for failure in (*refused, *error.details["writeConcernErrors"])}
        if codes != {DUPLICATE_KEY}:
            raise Unavailable(f"{rows.name} cannot be written; MongoDB's codes: {sorted(codes)}") from None
        return WriteResult([failure["index"] for failure in refused], error.details["nMatched"])
