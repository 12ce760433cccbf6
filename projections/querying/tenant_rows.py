"""Counting and deleting the rows of one tenant in all views."""

from __future__ import annotations

from collections.abc import Mapping

from eventstore.mongo.driver import unavailable_if_down
from projections.querying.locator import ViewLocator


async def count_tenant_rows(locators: Mapping[str, ViewLocator], tenant: str) -> dict[str, int]:
    """Return how many rows of a tenant readers see in each view. Raises Unavailable."""
    counts = {}
    for view, locator in locators.items():
        rows = await locator.rows()
        with unavailable_if_down():
            counts[view] = await rows.count_documents({"_tenant": tenant, "_gone": False})
    return counts
