"""Rows put into the view of notes as a projector would, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from projections.querying.pages import Page, Side
from projections.storage.indexes import update_query_indexes
from tests.helpers.note_rig import Rig

TENANT = "default"


def stored(row: Mapping[str, Any], tenant: str = TENANT) -> dict[str, Any]:
    """The row as it is stored."""
    own = {"_tenant": tenant, "_gone": False, "_position": 1, "_place": 0, "_created": 1, "_generation": 1}
    return {"_id": f"{row.get('_tenant', tenant)}/{row['id']}", **own, **row}


async def fill(rig: Rig, rows: Sequence[Mapping[str, Any]]) -> None:
    """These rows and no others, under the indexes of the rig's view."""
    found = rig.rows()
    await update_query_indexes(found, rig.view)
    await found.delete_many({})
    if rows:
        await found.insert_many([stored(row) for row in rows])


def moment(minutes: int | None) -> datetime | None:
    return None if minutes is None else datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)


async def sides(page: Page) -> tuple[bool, bool]:
    """Whether there is more before the page and behind it."""
    return await _look(page.has_previous), await _look(page.has_next)


async def _look(side: Side) -> bool:
    return await side() if callable(side) else side
