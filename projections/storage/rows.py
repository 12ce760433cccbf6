"""Rows as documents: what a view stores beside the row's own fields, and where.

    {_id: "<tenant>/<id>", ...the row's fields, _tenant, _gone, _position, _place, _created, _generation}

`_position` and `_place` say which commit changed the row last, and which of the rows it touched this was;
`_created` is the position where the row first came to be. A row that is gone keeps these, so that an older
write cannot bring it back.

Where events of the row's own stream, the one that its id names, are folded into it:

    {_version: the stream's version after the last of them}

A row that was written before this was recorded lacks it. Where events wait in the row:

    {_parked: the first of each stream, see `parking`}

Where events with personal data touched the row:

    {_subjects: whose it was, _open: of whom it could be read, _scrubbed: where one of them was erased last}
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
"""Generations of a view that have rows at a time: one that is kept, the active one, one that is built."""

LIVE = ("_tenant", "_gone")
"""What every query fixes, and so the beginning of every index."""


META = frozenset(
    (
        "_id", "_tenant", "_gone", "_position", "_place", "_created", "_generation", "_version", "_subjects",
        "_open", "_parked", "_scrubbed",
    )
)  # fmt: skip
"""The names of what is stored in addition to a row's own fields."""

BY_CHANGE = [("_position", 1), ("_place", 1)]
LAST_CHANGED_FIRST = [("_position", -1), ("_place", -1)]


def row_key(tenant: str, id: str) -> str:
    """The `_id` of a row. A tenant's name holds no slash."""
    return f"{tenant}/{id}"


def fields(stored: Row) -> dict[str, Any]:
    """The row's own fields."""
    return {name: value for name, value in stored.items() if not name.startswith("_")}


def changed_fields(before: Row, after: Row) -> tuple[str, ...]:
    """The names of the own fields that differ, sorted."""
    old, new = fields(before), fields(after)
    return tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))


def has_other_metadata(before: Row, after: Row) -> bool:
    """Whether a row's metadata that readers see has changed: its version, or what waits in it.

    That a row has a version which was stored without is no difference.
    """
    version = before.get("_version")
    advanced = version is not None and version != after.get("_version")
    return advanced or before.get("_parked") != after.get("_parked")


def place(stored: Row) -> Place:
    """The place of the row's last change."""
    return Place(stored["_position"], stored["_place"])


def slots(view: View[Any]) -> tuple[str, ...]:
    """The names of the collections that take the rows of the view's generations in turn."""
    return tuple(f"view_{view.name}_{slot}" for slot in range(SLOTS))


def collection(database: Database, view: View[Any], generation: int) -> Collection:
    """Where the rows of this generation of the view are."""
    return database[slots(view)[generation % SLOTS]]


def key_filter(stored: Document, *, also_at: bool = False) -> dict[str, Any]:
    """Matches the row that `stored` may replace: of its key, from an earlier position or generation.

    With `also_at` from the same position too: it is told anew there.
    """
    generation, position = stored["_generation"], stored["_position"]
    older = [
        {"_generation": {"$lt": generation}},
        {"_generation": generation, "_position": {"$lte" if also_at else "$lt": position}},
    ]
    return {"_id": stored["_id"], "$or": older}


class Written(NamedTuple):
    """What became of writes: which were inserts of what is there already, and how many rows were replaced."""

    refused: Sequence[int]
    replaced: int


async def write(rows: Collection, writes: Sequence[Write]) -> Written:
    """Do the writes. Raises what the driver raises.

    What it raises of single writes it says without the rows, which an error of the driver holds whole.
    """
    if not writes:
        return Written((), 0)
    try:
        return Written((), (await rows.bulk_write(writes, ordered=False)).matched_count)
    except BulkWriteError as error:
        refused = error.details["writeErrors"]
        codes = {one["code"] for one in (*refused, *error.details["writeConcernErrors"])}
        if codes != {DUPLICATE_KEY}:
            raise Unavailable(f"{rows.name} cannot be written; MongoDB's codes: {sorted(codes)}") from None
        return Written([one["index"] for one in refused], error.details["nMatched"])
