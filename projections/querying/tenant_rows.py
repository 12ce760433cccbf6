"""Counting and deleting the rows of one tenant in all views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eventstore.mongo.driver import Database, unavailable_if_down
from projections.folding.dead_letter_documents import DEAD_LETTERS
from projections.kernel.view import View
from projections.querying.locator import ViewLocator
from projections.storage.rows import slots


async def count_tenant_rows(locators: Mapping[str, ViewLocator], tenant: str) -> dict[str, int]:
    """Return how many rows of a tenant readers see in each view. Raises Unavailable."""
    counts = {}
    for view, locator in locators.items():
        rows = await locator.rows()
        with unavailable_if_down():
            counts[view] = await rows.count_documents({"_tenant": tenant, "_gone": False})
    return counts


async def delete_tenant_rows(database: Database, views: Sequence[View[Any]], tenant: str) -> int:
    """Delete the rows of a tenant in all generations of the views, and its dead letters; return how many.

    Raises Unavailable.
    """
    deleted = 0
    with unavailable_if_down():
        for name in (slot for view in views for slot in slots(view)):
            deleted += (await database[name].delete_many({"_tenant": tenant})).deleted_count
        deleted += (await database[DEAD_LETTERS].delete_many({"tenant": tenant})).deleted_count
    return deleted
