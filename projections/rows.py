"""Rows as documents: what a view stores beside the row's own fields, and where.

    {_id: "<tenant>/<id>", ...the row's fields, _tenant, _gone, _position, _place, _created, _generation}

`_position` and `_place` say which commit changed the row last, and which of the rows it touched this was;
`_created` is the position where the row first came to be. A row that is gone keeps these, so that an older
write cannot bring it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventstore.driver import Collection, Database, Document, unavailable_if_down
from projections.view import View
from subscriptions.messages import Place

Row = Mapping[str, Any]
"""A row as it is stored; its own fields are those without a leading underscore."""

LIVE = ("_tenant", "_gone")
"""What every query fixes, and so the beginning of every index."""


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


def place(stored: Row) -> Place:
    """The place of the row's last change."""
    return Place(stored["_position"], stored["_place"])


def collection(database: Database, view: View[Any]) -> Collection:
    """Where the view's rows are."""
    return database[f"view_{view.name}"]


async def prepare(rows: Collection, view: View[Any]) -> None:
    """Create the indexes that queries and change reads need. Raises Unavailable."""
    with unavailable_if_down():
        await rows.create_index(BY_CHANGE, name="changes")
        for name in dict.fromkeys(("id", *view.filters, *view.orders)):
            keys = dict.fromkeys((*LIVE, name, "id"))
            await rows.create_index([(key, 1) for key in keys], name=f"by_{name}")


def key_filter(stored: Document) -> dict[str, Any]:
    """Matches the row that `stored` may replace: of its key, from an earlier position or generation."""
    generation, position = stored["_generation"], stored["_position"]
    older = [
        {"_generation": {"$lt": generation}},
        {"_generation": generation, "_position": {"$lt": position}},
    ]
    return {"_id": stored["_id"], "$or": older}
