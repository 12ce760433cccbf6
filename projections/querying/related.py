"""Rows that belong to other rows: one query for many owners, with a page of rows for each owner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from eventstore.mongo.direct_reads import DirectReads
from eventstore.mongo.driver import Collection, Document, unavailable_if_down
from eventstore.mongo.reads import aggregate, find
from projections.querying.fields import Fields, projection
from projections.querying.filters import AllOf, FieldCondition, all_of, parse_filter, to_mongo
from projections.querying.guard import SCAN_LIMIT, ScanGuard
from projections.querying.locator import ViewLocator
from projections.querying.ordering import RowOrder, parse_order
from projections.querying.pages import ListQuery, Page, PageQuery
from projections.querying.row_reads import ListRead, record_all, record_list, record_rows
from projections.querying.row_scope import RowScope
from projections.storage.rows import Row, row_key

TURNS_APART = 100
"""Reads of owners with more rows than a page, before it is tried again to read all their rows together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedQuery(PageQuery):
    """A query for a page of each owner's rows; `by` is the field with the id of the owner."""

    by: str

    def of_owner(self, owner: str) -> ListQuery:
        """Return the query for the page of one owner."""
        own = {"and": [self.filter or {}, {self.by: {"eq": owner}}]}
        return ListQuery(self.size, own, self.order, self.after, self.before, self.backward, self.fields)


class _OwnersList(NamedTuple):
    """What the lists of some owners have in common; the `conditions` are MongoDB filters.

    `is_served`: an index serves the read of all these lists.
    """

    collection: Collection
    order: RowOrder
    conditions: list[Document]
    is_served: bool


class RelatedRows:
    """Reads the rows of one view by their owners. Methods raise Unavailable if MongoDB does not answer.

    Queries that no index serves, and fields that rows lack, raise the errors of `ViewReader`.
    """

    def __init__(
        self,
        locator: ViewLocator,
        scan_limit: int | None = SCAN_LIMIT,
        direct_reads: DirectReads | None = None,
    ) -> None:
        self._direct_reads = direct_reads
        self._turns_apart: dict[tuple[str, int], int] = {}
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
        shown = projection(fields, "id")
        with unavailable_if_down():
            if self._direct_reads is None:
                rows = await find(collection, query, shown).to_list(None)
            else:
                rows = await self._direct_reads.find(collection, query, shown, max(1, len(keys)))
        return {row["id"]: row for row in self._locator.filled(collection, rows)}

    async def pages(
        self, scope: RowScope, owners: Sequence[str], query: RelatedQuery, limit: int
    ) -> dict[str, Page]:
        """Return the page of each owner, by the owner's id, with up to `limit` rows in all.

        If there are more rows, the last pages are incomplete. `beyond` returns whether there are rows beyond
        the cursor at which a page begins. Raises ValidationFailed at ``filter``, ``orderBy`` or a cursor, and
        NotIndexed.
        """
        listed = await self._listed(scope, owners, query)
        by = listed.order
        if query.after is not None:
            listed.conditions.append(by.beyond(query.after, ("after",)))
        if query.before is not None:
            listed.conditions.append(by.beyond(query.before, ("before",), backward=True))
        results = await self._read_together(scope, owners, query, listed, limit)
        if results is None:
            results = await self._read_each(scope, owners, query, listed, limit)
        record_rows(self._view.name, (row["id"] for _, row in results))
        pages: dict[str, list[Row]] = {owner: [] for owner in owners}
        rows = self._locator.filled(listed.collection, [row for _, row in results])
        for (owner, _), row in zip(results, rows, strict=True):
            pages[owner].append(row)
        return {owner: _page(rows, query, by) for owner, rows in pages.items()}

    async def _read_together(
        self, scope: RowScope, owners: Sequence[str], query: RelatedQuery, listed: _OwnersList, limit: int
    ) -> list[tuple[str, Document]] | None:
        """Return all rows of the owners, or one owner's page; None if they have more rows than their pages.

        MongoDB takes a third of the time of a page for each owner. Where that was too few rows, the next
        `TURNS_APART` reads for pages of this size do not try it.
        """
        kind, is_alone = (query.by, query.size), len(owners) == 1
        if not is_alone and (turns := self._turns_apart.get(kind, 0)):
            self._turns_apart[kind] = turns - 1
            return None
        max_rows = min(len(owners) * (query.size + 1), limit + len(owners))
        read_limit = max_rows if is_alone else max_rows + 1
        order = listed.order.sort(backward=query.backward)
        sort = [(query.by, 1), *(key for key in order if key[0] != query.by)]
        shown = projection(query.fields, query.by, *listed.order.names)
        conditions = [{query.by: {"$in": list(owners)}}, *listed.conditions]
        matching = _matching(scope.tenant, conditions)
        with unavailable_if_down():
            if listed.is_served and self._direct_reads is not None:
                rows = await self._direct_reads.find(
                    listed.collection, matching, shown, read_limit, sort=sort
                )
            else:
                results = find(listed.collection, matching, shown).sort(sort)
                rows = await results.limit(read_limit).to_list(None)
        if len(rows) > max_rows:
            self._turns_apart[kind] = TURNS_APART
            return None
        return [(row[query.by], row) for row in rows]

    async def _read_each(
        self, scope: RowScope, owners: Sequence[str], query: RelatedQuery, listed: _OwnersList, limit: int
    ) -> list[tuple[str, Document]]:
        """Return the rows of a page of each owner, and the row behind it."""
        sort = dict(listed.order.sort(backward=query.backward))
        # One row more than the size of a page shows whether there is another page.
        pipeline: list[Document] = [
            {"$match": _matching(scope.tenant, listed.conditions)},
            {"$sort": sort},
            {"$limit": query.size + 1},
        ]
        if (shown := projection(query.fields, *listed.order.names)) is not None:
            pipeline.append({"$project": shown})
        return await self._of_each(listed.collection, owners, query.by, pipeline, limit + len(owners))

    async def beyond(self, scope: RowScope, owners: Sequence[str], query: RelatedQuery) -> set[str]:
        """Return the owners with rows at or beyond the cursor where their page begins. Raises as `pages`."""
        collection, by, conditions, _ = await self._listed(scope, owners, query)
        if query.beginning is None:
            return set()
        record_all(self._view.name)
        path = ("before" if query.backward else "after",)
        conditions.append(by.beyond(query.beginning, path, backward=not query.backward, at=True))
        matching: Document = {"$match": _matching(scope.tenant, conditions)}
        pipeline = [matching, {"$limit": 1}, {"$project": {"_id": 0, "id": 1}}]
        results = await self._of_each(collection, owners, query.by, pipeline, len(owners))
        return {owner for owner, _ in results}

    async def counts(self, scope: RowScope, owners: Sequence[str], query: RelatedQuery) -> dict[str, int]:
        """Return how many of the scope's rows that match the filter belong to each owner, by its id.

        Raises as `pages`.
        """
        collection, _, conditions, _ = await self._listed(scope, owners, query)
        record_all(self._view.name)
        matching: Document = {"$match": _matching(scope.tenant, conditions)}
        pipeline = [matching, {"$count": "rows"}]
        counts = await self._of_each(collection, owners, query.by, pipeline, len(owners))
        return dict.fromkeys(owners, 0) | {owner: count["rows"] for owner, count in counts}

    async def _listed(self, scope: RowScope, owners: Sequence[str], query: RelatedQuery) -> _OwnersList:
        """Return what the lists of these owners have in common."""
        parsed = parse_filter(self._view, query.filter)
        order = parse_order(self._view, query.order, filter=parsed)
        collection = await self._locator.rows()
        parsed = self._locator.adapted(collection, parsed, (query.by, *order.names))
        of_owners = AllOf((FieldCondition(query.by, "in", list(owners)), parsed))
        is_served = await self._guard.check(collection, scope, of_owners, order)
        order = replace(order, view=f"{self._view.name} by {query.by}")
        record_list(self._view.name, ListRead((), self._locator.restricted(collection, scope, of_owners)))
        restricted = to_mongo(self._locator.restricted(collection, scope, parsed))
        return _OwnersList(collection, order, [restricted], is_served)

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


def _matching(tenant: str, conditions: Sequence[Document]) -> Document:
    return {"_tenant": tenant, "_gone": False, **all_of(conditions)}
