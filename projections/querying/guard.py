"""The guard against queries that no index serves and that would scan too many rows."""

from __future__ import annotations

import logging
import time
from typing import Any

from domain.kernel.errors import NotIndexed
from eventstore.lru import LruCache
from eventstore.mongo.driver import Collection, unavailable_if_down
from eventstore.mongo.reads import count
from projections.kernel.view import View
from projections.querying.filters import Filter, to_mongo
from projections.querying.marks import mark
from projections.querying.ordering import RowOrder
from projections.querying.row_scope import RowScope
from projections.querying.serving import missing_index, served_parts, shape_of
from projections.storage.rows import LIVE

logger = logging.getLogger(__name__)

SCAN_LIMIT = 10_000
"""Rows that MongoDB scans in about 10 ms."""

COUNT_AGE = 60.0
"""Seconds until rows are counted again."""

CACHED_COUNTS = 10_000
CACHED_WARNINGS = 1_000


class ScanGuard:
    """Refuses queries of one view that no index serves and that would scan more than `limit` rows.

    The rows to scan are the tenant's, or those that match a part of the filter that an index serves. Without
    a `limit` no query is refused. Each kind of query is logged once, even if it is answered, because a view
    can grow.
    """

    def __init__(self, view: View[Any], limit: int | None = SCAN_LIMIT) -> None:
        self._view = view
        self._limit = limit
        self._too_many: LruCache[str, tuple[bool, float]] = LruCache(CACHED_COUNTS)
        self._warned: LruCache[str, bool] = LruCache(CACHED_WARNINGS)

    async def check(
        self, rows: Collection, scope: RowScope, filter: Filter, order: RowOrder | None = None
    ) -> bool:
        """Return whether an index serves a query of these rows; raises NotIndexed if it is refused.

        Without `order` the query counts rows. The rule of the scope causes no refusal; a query that the rule
        makes cheap is not refused. Raises Unavailable.
        """
        keys = None if order is None else order.keys
        remedy = missing_index(self._view, shape_of(filter), keys)
        if remedy is None and scope.is_whole_tenant:
            return True
        restricted = scope.restrict(filter)
        if missing_index(self._view, shape_of(restricted), keys) is None:
            return True
        if remedy is None:
            return False
        if self._warned.get(remedy) is None:
            self._warned.put(remedy, True)
            logger.warning("no index of %s serves a query: %s", self._view.name, remedy)
        if self._limit is None:
            return False
        for part in served_parts(self._view, restricted):
            if not await self._are_too_many(rows, scope.tenant, part, self._limit):
                return False
        raise NotIndexed(self._view.name, remedy)

    async def _are_too_many(self, rows: Collection, tenant: str, part: Filter, limit: int) -> bool:
        key = mark(part, tenant)
        cached = self._too_many.get(key)
        if cached is None or time.monotonic() > cached[1]:
            live = dict(zip(LIVE, (tenant, False), strict=True))
            with unavailable_if_down():
                rows_counted = await count(rows, {**live, **to_mongo(part)}, limit=limit + 1)
            cached = (rows_counted > limit, time.monotonic() + COUNT_AGE)
            self._too_many.put(key, cached)
        return cached[0]
