"""What becomes of a query that no index serves."""

from __future__ import annotations

import logging
import time
from typing import Any

from domain.kernel.errors import NotIndexed
from eventstore.driver import Collection, unavailable_if_down
from eventstore.lru import Lru
from projections.querying.filters import Filter
from projections.querying.ordering import Order
from projections.querying.serving import shape_of, unserved
from projections.rows import LIVE
from projections.view import View

logger = logging.getLogger(__name__)

SCAN_LIMIT = 10_000
"""Rows of a tenant that MongoDB looks through in some 10 ms."""

KNOWN_FOR = 60.0
"""Seconds until a tenant's rows are counted again."""

TENANTS = 10_000
WARNINGS = 1_000


class ScanGuard:
    """Refuses queries of one view that no index serves, where a tenant has more than `limit` rows.

    With None as the limit it refuses none. Each kind of query is warned of once, also where it is answered: a
    view may grow.
    """

    def __init__(self, view: View[Any], limit: int | None = SCAN_LIMIT) -> None:
        self._view = view
        self._limit = limit
        self._large: Lru[str, tuple[bool, float]] = Lru(TENANTS)
        self._warned: Lru[str, bool] = Lru(WARNINGS)

    async def check(self, rows: Collection, tenant: str, filter: Filter, order: Order | None = None) -> None:
        """Raises NotIndexed for a query of these rows, in this order or counted. Raises Unavailable."""
        remedy = unserved(self._view, shape_of(filter), None if order is None else order.keys)
        if remedy is None:
            return
        if self._warned.get(remedy) is None:
            self._warned.put(remedy, True)
            logger.warning("no index of %s serves a query: %s", self._view.name, remedy)
        if self._limit is not None and await self._is_large(rows, tenant, self._limit):
            raise NotIndexed(self._view.name, remedy)

    async def _is_large(self, rows: Collection, tenant: str, limit: int) -> bool:
        known = self._large.get(tenant)
        if known is None or time.monotonic() > known[1]:
            live = dict(zip(LIVE, (tenant, False), strict=True))
            with unavailable_if_down():
                counted = await rows.count_documents(live, limit=limit + 1)
            known = (counted > limit, time.monotonic() + KNOWN_FOR)
            self._large.put(tenant, known)
        return known[0]
