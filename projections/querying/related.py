"""Rows that belong to other rows: those of many owners in one query, each owner's page limited on its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eventstore.mongo.driver import Collection, Document, aggregate, unavailable_if_down
from projections.querying.fields import Fields, projection
from projections.querying.filters import AllOf, Condition, parse_filter, to_mongo
from projections.querying.guard import SCAN_LIMIT, ScanGuard
from projections.querying.locator import ViewLocator
from projections.querying.ordering import Order, OrderBy, parse_order
from projections.querying.pages import Page
from projections.storage.rows import Row, row_key


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page of each owner's rows that meet a filter, in an order: of `size` rows between two cursors.

    `by` is the field that holds their owner's id. With `backward` they are the last ones before the cursor
    `before`, else the first ones behind `after`. With `fields` they hold no more than these, and what their
    cursors are made of.
    """

    by: str
    size: int
    filter: Mapping[str, Any] | None = None
    order: OrderBy | None = None
    after: str | None = None
    before: str | None = None
    backward: bool = False
    fields: Fields | None = None

    @property
    def beginning(self) -> str | None:
        """The cursor that the page begins at, in the direction in which it is read."""
        return self.before if self.backward else self.after


class RelatedRows:
    """Reads one view by what its rows belong to. Methods raise Unavailable where MongoDB does not answer.

    What no index serves is refused as by a `ViewReader`, and so is a field that rows lack.
    """

    def __init__(self, locator: ViewLocator, scan_limit: int | None = SCAN_LIMIT) -> None:
        self._locator = locator
        self._view = locator.view
        self._guard = ScanGuard(locator.view, scan_limit)

    async def get(self, tenant: str, ids: Iterable[str], fields: Fields | None = None) -> dict[str, Row]:
        """The tenant's rows of these ids that there are, by id; with `fields` no more of them than these."""
        wanted = {"_id": {"$in": [row_key(tenant, one) for one in ids]}, "_gone": False}
        rows = await self._locator.rows()
        with unavailable_if_down():
            found = await rows.find(wanted, projection(fields, "id")).to_list(None)
        return {row["id"]: row for row in self._locator.filled(rows, found)}

    async def pages(self, tenant: str, owners: Sequence[str], wanted: Wanted, limit: int) -> dict[str, Page]:
        """The page of each owner, by its id, of the tenant's rows: up to `limit` rows in all.

        Where there are more, the last pages miss some. Whether rows are beyond the cursor that a page begins
        at, `beyond` says. Raises ValidationFailed at ``filter``, ``orderBy`` or a cursor, and NotIndexed.
        """
        stored, by, parts = await self._listed(tenant, owners, wanted)
        if wanted.after is not None:
            parts.append(by.behind(wanted.after, ("after",)))
        if wanted.before is not None:
            parts.append(by.behind(wanted.before, ("before",), backward=True))
        # One row more than a page has shows whether there is another page.
        sort, size = dict(by.sort(backward=wanted.backward)), wanted.size
        pipeline: list[Document] = [{"$sort": sort}, {"$limit": size + 1}]
        if (shown := projection(wanted.fields, *by.names)) is not None:
            pipeline.append({"$project": shown})
        pages: dict[str, list[Row]] = {owner: [] for owner in owners}
        pipeline = [*_matching(tenant, parts), *pipeline]
        for owner, row in await self._of_each(stored, owners, wanted.by, pipeline, limit + len(owners)):
            pages[owner] += self._locator.filled(stored, [row])
        if wanted.backward:
            return {
                owner: Page(rows[:size][::-1], False, len(rows) > size, by) for owner, rows in pages.items()
            }
        return {owner: Page(rows[:size], len(rows) > size, False, by) for owner, rows in pages.items()}

    async def beyond(self, tenant: str, owners: Sequence[str], wanted: Wanted) -> set[str]:
        """The owners with rows at or beyond the cursor that their page begins at. Raises as `pages`."""
        stored, by, parts = await self._listed(tenant, owners, wanted)
        if wanted.beginning is None:
            return set()
        path = ("before" if wanted.backward else "after",)
        parts.append(by.behind(wanted.beginning, path, backward=not wanted.backward, at=True))
        pipeline = [*_matching(tenant, parts), {"$limit": 1}, {"$project": {"_id": 0, "id": 1}}]
        found = await self._of_each(stored, owners, wanted.by, pipeline, len(owners))
        return {owner for owner, _ in found}

    async def counts(self, tenant: str, owners: Sequence[str], wanted: Wanted) -> dict[str, int]:
        """How many of the tenant's rows belong to each owner, by its id, and meet the filter.

        Raises as `pages`.
        """
        stored, _, parts = await self._listed(tenant, owners, wanted)
        pipeline = [*_matching(tenant, parts), {"$count": "rows"}]
        counts = await self._of_each(stored, owners, wanted.by, pipeline, len(owners))
        return dict.fromkeys(owners, 0) | {owner: count["rows"] for owner, count in counts}

    async def _listed(
        self, tenant: str, owners: Sequence[str], wanted: Wanted
    ) -> tuple[Collection, Order, list[Document]]:
        """Where the rows are, the order of each owner's list, and the MongoDB filters of what is in it."""
        parsed = parse_filter(self._view, wanted.filter)
        order = parse_order(self._view, wanted.order, filter=parsed)
        stored = await self._locator.rows()
        parsed = self._locator.adapted(stored, parsed, (wanted.by, *order.names))
        of_owners = AllOf((Condition(wanted.by, "in", list(owners)), parsed))
        await self._guard.check(stored, tenant, of_owners, order)
        return stored, replace(order, view=f"{self._view.name} by {wanted.by}"), [to_mongo(parsed)]

    async def _of_each(
        self, stored: Collection, owners: Sequence[str], by: str, pipeline: Sequence[Document], limit: int
    ) -> list[tuple[str, Document]]:
        """What the pipeline gives for each owner's rows, with the owner; `limit` in all."""
        lookup = {"from": stored.name, "localField": "owner", "foreignField": by, "as": "row"}
        stages: list[Document] = [
            # From any row, and so from none if there are none. Not a literal, a $ would begin an expression.
            {"$limit": 1},
            {"$project": {"_id": 0, "owner": {"$literal": list(owners)}}},
            {"$unwind": "$owner"},
            {"$lookup": {**lookup, "pipeline": pipeline}},
            {"$unwind": "$row"},
            {"$limit": limit},
        ]
        with unavailable_if_down():
            found = await aggregate(stored, stages)
        return [(one["owner"], one["row"]) for one in found]


def _page(rows: Sequence[Row], wanted: Wanted, by: Order) -> Page:
    more, rows = len(rows) > wanted.size, rows[: wanted.size]
    return Page(rows[::-1], False, more, by) if wanted.backward else Page(rows, more, False, by)


def _matching(tenant: str, parts: Sequence[Document]) -> list[Document]:
    return [{"$match": {"_tenant": tenant, "_gone": False, "$and": parts}}]
