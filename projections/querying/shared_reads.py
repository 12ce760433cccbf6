"""The reads of one view that requests of clients share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from eventstore.mongo.group_reads import GroupReads
from projections.querying.fields import Fields
from projections.querying.pages import ListQuery, Page
from projections.querying.queries import ViewReader
from projections.querying.related import RelatedRows
from projections.querying.row_scope import RowScope
from projections.storage.rows import Row


class SharedReads:
    """Reads rows by id for several requests at once, and equal pages once; all with the same rights.

    Nothing that was written before a request is missing in what it gets, as if it had read alone. The rows
    are shared: they must not be changed.
    """

    def __init__(self, reader: ViewReader, related: RelatedRows, seconds: float) -> None:
        self._reader = reader
        self._related = related
        self._groups = GroupReads(seconds)

    async def get(self, scope: RowScope, id: str, *, fields: Fields | None = None) -> Row | None:
        """Return what `ViewReader.get` does."""
        row: Row | None = await self._groups.read(
            ("rows", scope.key, fields), id, partial(self._rows, scope, fields)
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

        # A filter cannot be hashed; different queries have different texts.
        page: Page = await self._groups.read(("page", scope.key, repr(query)), None, read)
        return page
