"""The resolvers of links. They read rows of another view for all rows of a level at once."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from strawberry.dataloader import DataLoader

from api.graphql.execution.request_context import ExecutionContext, Info
from api.graphql.execution.row_resolvers import NEEDS_READ, LinkResolver, read_all
from api.graphql.fields.connections import connection_value, page_size, past_connection
from api.graphql.identity import AS_OF, past_row, read_filter, row_key
from projections.kernel.view import View
from projections.querying.fields import Fields
from projections.querying.pages import Page
from projections.querying.related import RelatedQuery
from projections.storage.rows import Row


class ToOneResolver(LinkResolver):
    """Resolves to the row whose id is the item `key` of the source, as of the same point in the past."""

    def __call__(self, source: Mapping[str, Any], info: Info) -> Coroutine[Any, Any, Row | None] | None:
        key = row_key(source, self.key)
        return None if key is None else self._read(key, source.get(AS_OF), info)

    async def _read(self, id: str, as_of: int | None, info: Info) -> Row | None:
        row: Row | None = await self._loader(as_of, info).load(id)
        await info.context.return_rows(1)
        return self._row(row, as_of, info.context)

    def value_at_once(self, source: Mapping[str, Any]) -> Any:
        return None if row_key(source, self.key) is None else NEEDS_READ

    async def resolve_all(
        self, sources: Sequence[Mapping[str, Any]], info: Info, arguments: Mapping[str, Any]
    ) -> Sequence[Row | None]:
        wanted = [(row_key(source, self.key), source.get(AS_OF)) for source in sources]
        # Many sources may refer to the same row.
        distinct = list(dict.fromkeys(wanted))
        loaders = {as_of: self._loader(as_of, info) for as_of in {as_of for _, as_of in distinct}}
        found = await read_all(loaders[as_of].load(row_id) for row_id, as_of in distinct)
        rows = dict(zip(distinct, found, strict=True))
        return [self._row(rows[place], place[1], info.context) for place in wanted]

    def count_rows(self, values: Sequence[Any]) -> int:
        return len(values)

    def _loader(self, as_of: int | None, info: Info) -> DataLoader[str, Row | None]:
        context = info.context
        fields = context.selections.fields(info, self.view)
        load = partial(_rows, context, self.view, fields, as_of)
        return context.reads.loader((self.view.name, fields, as_of), load)

    def _row(self, row: Row | None, as_of: int | None, context: ExecutionContext) -> Row | None:
        return row if row is None or as_of is None else past_row(self.view, row, as_of, context)


class ToManyResolver(LinkResolver):
    """Resolves to a page of the rows whose field `by` is the item `key` of the source."""

    def __init__(self, key: str, view: View[Any], by: str) -> None:
        super().__init__(key, view)
        self._by = by

    async def __call__(self, source: Mapping[str, Any], info: Info, **arguments: Any) -> dict[str, Any]:
        page = await self._page(source, self._query(info, **arguments), info)
        await info.context.return_rows(len(page["rows"]))
        return page

    async def resolve_all(
        self, sources: Sequence[Mapping[str, Any]], info: Info, arguments: Mapping[str, Any]
    ) -> Sequence[dict[str, Any]]:
        query = self._query(info, **arguments)
        if any(AS_OF in source for source in sources):
            return await read_all(self._page(source, query, info) for source in sources)
        return await self._present_pages(info, query, [source[self.key] for source in sources])

    def count_rows(self, values: Sequence[Any]) -> int:
        return sum(len(page["rows"]) for page in values)

    def _query(
        self,
        info: Info,
        *,
        filter: Mapping[str, Any] | None = None,
        order_by: Sequence[Mapping[str, Any]] | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> RelatedQuery:
        context = info.context
        return RelatedQuery(
            page_size(first, last, context.runtime.settings.max_page),
            filter=read_filter(self.view, filter, context),
            order=[(by["field"], by["direction"]) for by in order_by or ()],
            after=after,
            before=before,
            backward=last is not None,
            fields=context.selections.fields(info, self.view),
            by=self._by,
        )

    async def _page(self, source: Mapping[str, Any], query: RelatedQuery, info: Info) -> dict[str, Any]:
        if AS_OF in source:
            owner = row_key(source, self.key)
            return await _past_page(info.context, self.view, query, owner, source[AS_OF])
        [page] = await self._present_pages(info, query, [source[self.key]])
        return page

    async def _present_pages(
        self, info: Info, query: RelatedQuery, owners: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Return the pages of these owners, as sources of connections."""
        context, view = info.context, self.view
        # At one place of a document the arguments are equal for every row.
        place = (view.name, *map(id, info.field_nodes))
        pages = context.reads.loader(("pages", *place), partial(_pages, context, view, query))
        counts = context.reads.loader(("counts", *place), partial(_counts, context, view, query))
        beyond = context.reads.loader(("beyond", *place), partial(_beyond, context, view, query))

        def connection(page: Page, owner: str) -> dict[str, Any]:
            if query.beginning is not None:
                side = partial(_load, beyond, owner)
                page = replace(page, has_next=side) if query.backward else replace(page, has_previous=side)
            return connection_value(page, partial(_load, counts, owner))

        found: list[Page] = await read_all(map(pages.load, owners))
        return list(map(connection, found, owners))


async def _past_page(
    context: ExecutionContext, view: View[Any], query: RelatedQuery, owner: str, as_of: int
) -> dict[str, Any]:
    """Return a page as of a position. Each owner needs a read; what changed since is folded once for all."""
    past_view, scope = context.past(view, as_of), context.rows(view)
    of_owner, max_rows = query.of_owner(owner), context.runtime.settings.max_rows
    async with context.reads.batch(max_rows):
        page = await past_view.page(scope, of_owner)
        context.reads.count_read(len(page.rows), max_rows)
    return past_connection(view, page, as_of, partial(past_view.count, scope, of_owner.filter), context)


async def _load(loader: DataLoader[str, Any], key: str) -> Any:
    return await loader.load(key)


async def _rows(
    context: ExecutionContext, view: View[Any], fields: Fields | None, as_of: int | None, ids: Sequence[str]
) -> list[Row | None]:
    reads, max_rows = context.reads, context.runtime.settings.max_rows
    async with reads.batch(max_rows):
        scope, runtime = context.rows(view), context.runtime
        rows: Mapping[str, Row]
        if as_of is None:
            rows = await runtime.view_parts[view.name].related.get(scope, ids, fields)
        else:
            rows = await context.past(view, as_of).rows(scope, ids)
        reads.count_read(len(rows), max_rows)
    return [rows.get(row_id) for row_id in ids]


async def _pages(
    context: ExecutionContext, view: View[Any], query: RelatedQuery, owners: Sequence[str]
) -> list[Page]:
    reads, max_rows = context.reads, context.runtime.settings.max_rows
    related = context.runtime.view_parts[view.name].related
    async with reads.batch(max_rows) as rows_left:
        pages = await related.pages(context.rows(view), owners, query, rows_left + 1)
        reads.count_read(sum(len(page.rows) for page in pages.values()), max_rows)
    return [pages[owner] for owner in owners]


async def _beyond(
    context: ExecutionContext, view: View[Any], query: RelatedQuery, owners: Sequence[str]
) -> list[bool]:
    related = context.runtime.view_parts[view.name].related
    beyond = await related.beyond(context.rows(view), owners, query)
    return [owner in beyond for owner in owners]


async def _counts(
    context: ExecutionContext, view: View[Any], query: RelatedQuery, owners: Sequence[str]
) -> list[int]:
    related = context.runtime.view_parts[view.name].related
    counts = await related.counts(context.rows(view), owners, query)
    return [counts[owner] for owner in owners]
