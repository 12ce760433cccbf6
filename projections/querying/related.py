"""Rows that belong to other rows: one query for many owners, with a page of rows for each owner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from eventstore.mongo.driver import Collection, Document, unavailable_if_down
from eventstore.mongo.reads import aggregate, find
from projections.querying.fields import Fields, projection
from projections.querying.filters import AllOf, FieldCondition, parse_filter, to_mongo
from projections.querying.guard import SCAN_LIMIT, ScanGuard
from projections.querying.locator import ViewLocator
from projections.querying.ordering import RowOrder, parse_order
from projections.querying.pages import ListQuery, Page, PageQuery
from projections.querying.row_reads import ListRead, record_all, record_list, record_rows
from projections.querying.row_scope import RowScope
from projections.storage.rows import Row, row_key


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedQuery(PageQuery):
    """A query for a page of each owner's rows; `by` is the field with the id of the owner."""

    by: str

    def of_owner(self, owner: str) -> ListQuery:
        """Return the query for the page of one owner."""
        own = {"and": [self.filter or {}, {self.by: {"eq": owner}}]}
        return ListQuery(self.size, own, self.order, self.after, self.before, self.backward, self.fields)


class RelatedRows:
    """Reads the rows of one view by their owners. Methods raise Unavailable if MongoDB does not answer.

    Queries that no index serves, and fields that rows lack, raise the errors of `ViewReader`.
    """

    def __init__(self, locator: ViewLocator, scan_limit: int | None = SCAN_LIMIT) -> None:
        self._locator = locator
        self._view = locator.view
        self._guard = ScanGuard(locator.view, scan_limit)

    async def get(self, scope: RowScope, ids: Iterable[str], fields: Fields | None = None) -> dict[str, Row]:
        """Return those of the scope's rows that exist, by id, reduced to `fields` if given."""
        ids = list(ids)
        record_rows(self._view.name, ids)
        keys = [row_key(scope.tenant, row_id) for row_id in ids]
        collection = await self._locator.rows()
        rule = to_mongo(self._locator.restricted(collection, scope))
        query = {"_id": {"$in": keys}, "_gone": False, **rule}
        with unavailable_if_down():
            rows = await find(collection, query, projection(fields, "id")).to_list(None)
        return {row["id"]: row for row in self._locator.filled(collection, rows)}

    async def pages(
        self, scope: RowScope, owners: Sequence[str], query: RelatedQuery, limit: int
    ) -> dict[str, Page]:
        """Return the page of each owner, by the owner's id, with up to `limit` rows in all.

        If there are more rows, the last pages are incomplete. `beyond` returns whether there are rows beyond
        the cursor at which a page begins. Raises ValidationFailed at ``filter``, ``orderBy`` or a cursor, and
        NotIndexed.
        """
        collection, by, conditions = await self._listed(scope, owners, query)
        if query.after is not None:
            conditions.append(by.beyond(query.after, ("after",)))
        if query.before is not None:
            conditions.append(by.beyond(query.before, ("before",), backward=True))
        # One row more than the size of a page shows whether there is another page.
        sort, size = dict(by.sort(backward=query.backward)), query.size
        pipeline: list[Document] = [{"$sort": sort}, {"$limit": size + 1}]
        if (shown := projection(query.fields, *by.names)) is not None:
            pipeline.append({"$project": shown})
        pages: dict[str, list[Row]] = {owner: [] for owner in owners}
        pipeline = [*_matching(scope.tenant, conditions), *pipeline]
        results = await self._of_each(collection, owners, query.by, pipeline, limit + len(owners))
        record_rows(self._view.name, (row["id"] for _, row in results))
        for owner, row in results:
            pages[owner] += self._locator.filled(collection, [row])
        return {owner: _page(rows, query, by) for owner, rows in pages.items()}

    async def beyond(self, scope: RowScope, owners: Sequence[str], query: RelatedQuery) -> set[str]:
        """Return the owners with rows at or beyond the cursor where their page begins. Raises as `pages`."""
        collection, by, conditions = await self._listed(scope, owners, query)
        if query.beginning is None:
            return set()
        record_all(self._view.name)
        path = ("before" if query.backward else "after",)
        conditions.append(by.beyond(query.beginning, path, backward=not query.backward, at=True))
        pipeline = [*_matching(scope.tenant, conditions), {"$limit": 1}, {"$project": {"_id": 0, "id": 1}}]
        results = await self._of_each(collection, owners, query.by, pipeline, len(owners))
        return {owner for owner, _ in results}

    async def counts(self, scope: RowScope, owners: Sequence[str], query: RelatedQuery) -> dict[str, int]:
        """Return how many of the scope's rows that match the filter belong to each owner, by its id.

        Raises as `pages`.
        """
        collection, _, conditions = await self._listed(scope, owners, query)
        record_all(self._view.name)
        pipeline = [*_matching(scope.tenant, conditions), {"$count": "rows"}]
        counts = await self._of_each(collection, owners, query.by, pipeline, len(owners))
        return dict.fromkeys(owners, 0) | {owner: count["rows"] for owner, count in counts}

    async def _listed(
        self, scope: RowScope, owners: Sequence[str], query: RelatedQuery
    ) -> tuple[Collection, RowOrder, list[Document]]:
        """Return the collection, the order of each owner's list, and the MongoDB filters of the list."""
        parsed = parse_filter(self._view, query.filter)
        order = parse_order(self._view, query.order, filter=parsed)
        collection = await self._locator.rows()
        parsed = self._locator.adapted(collection, parsed, (query.by, *order.names))
        of_owners = AllOf((FieldCondition(query.by, "in", list(owners)), parsed))
        await self._guard.check(collection, scope, of_owners, order)
        order = replace(order, view=f"{self._view.name} by {query.by}")
        record_list(self._view.name, ListRead((), self._locator.restricted(collection, scope, of_owners)))
        return collection, order, [to_mongo(self._locator.restricted(collection, scope, parsed))]

    async def _of_each(
        self, collection: Collection, owners: Sequence[str], by: str, pipeline: Sequence[Document], limit: int
    ) -> list[tuple[str, Document]]:
        """Return at most `limit` results of the pipeline for each owner's rows, each with the owner."""
        lookup = {"from": collection.name, "localField": "owner", "foreignField": by, "as": "row"}
        stages: list[Document] = [
            # The pipeline starts from any row. Without `$literal`, a $ in an id would begin an expression.
            {"$limit": 1},
            {"$project": {"_id": 0, "owner": {"$literal": list(owners)}}},
            {"$unwind": "$owner"},
            {"$lookup": {**lookup, "pipeline": pipeline}},
            {"$unwind": "$row"},
            {"$limit": limit},
        ]
        with unavailable_if_down():
            results = await aggregate(collection, stages)
        return [(result["owner"], result["row"]) for result in results]


def _page(rows: Sequence[Row], query: RelatedQuery, by: RowOrder) -> Page:
    has_more, rows = len(rows) > query.size, rows[: query.size]
    return Page(rows[::-1], False, has_more, by) if query.backward else Page(rows, has_more, False, by)


def _matching(tenant: str, conditions: Sequence[Document]) -> list[Document]:
    return [{"$match": {"_tenant": tenant, "_gone": False, "$and": conditions}}]
