"""The reads of one view that requests of clients share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from eventstore.mongo.group_reads import GroupReads
from projections.querying.fields import Fields
from projections.querying.pages import ListQuery, Page, Side
from projections.querying.queries import ViewReader
from projections.querying.related import RelatedRows
from projections.querying.row_reads import is_recorded, record_all, record_list, record_rows
from projections.querying.row_scope import RowScope
from projections.storage.rows import Row


class SharedReads:
    """Reads rows by id for several requests at once, and equal pages once; all with the same rights.

    Nothing that was written before a request is missing in what it gets, as if it had read alone. The rows
    are shared: they must not be changed. What is read is recorded: see `QueryReads`.
    """

    def __init__(self, reader: ViewReader, related: RelatedRows, seconds: float) -> None:
        self._reader = reader
        self._related = related
        self._rows_by_id = GroupReads(seconds, begins_at_once=True)
        self._pages = GroupReads(seconds, begins_at_once=True)
        self._view = reader.view.name

    async def get(self, scope: RowScope, id: str, *, fields: Fields | None = None) -> Row | None:
        """Return what `ViewReader.get` does."""
        record_rows(self._view, (id,))
        row: Row | None = await self._rows_by_id.read(
            (scope.key, fields), id, partial(self._rows, scope, fields)
        )
        return row

    async def _rows(self, scope: RowScope, fields: Fields | None, ids: Collection[str]) -> Mapping[str, Row]:
        if len(ids) > 1:
            return await self._related.get(scope, ids, fields)
        [row_id] = ids
        row = await self._reader.get(scope, row_id, fields=fields)
        return {} if row is None else {row_id: row}

    async def page(self, scope: RowScope, query: ListQuery) -> Page:
        """Return what `ViewReader.page` does."""

        async def read(_items: Collection[None]) -> Mapping[None, Page]:
            return {None: await self._reader.page(scope, query)}

        page: Page = await self._pages.read((scope.key, query.key), None, read)
        if is_recorded():
            record_list(self._view, None if page.describe_read is None else page.describe_read())
        if callable(page.has_next) or callable(page.has_previous):
            return replace(
                page,
                has_next=self._recorded(page.has_next),
                has_previous=self._recorded(page.has_previous),
            )
        return page

    async def count(
        self, scope: RowScope, filter: Mapping[str, Any] | None = None, search: str | None = None
    ) -> int:
        """Return what `ViewReader.count` does."""
        record_all(self._view)
        return await self._reader.count(scope, filter, search)

    def _recorded(self, side: Side) -> Side:
        """Return the side of a page; a look-up of whether it has rows is recorded."""
        if not callable(side):
            return side

        async def look_up() -> bool:
            record_all(self._view)
            return await side()

        return look_up
