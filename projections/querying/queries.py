"""The query side of a view: one row, pages, counts, and waiting for a position."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from domain.kernel.errors import StaleRead
from eventstore.mongo.direct_reads import DirectReads
from eventstore.mongo.driver import Collection, Document, unavailable_if_down
from eventstore.mongo.reads import count, find
from eventstore.place import Place
from projections.folding.parking import EventName, parking_row
from projections.kernel import by_stream
from projections.querying.at_least import AT_LEAST, AtLeast, finishes_first, wait_briefly
from projections.querying.fields import Fields, projection
from projections.querying.filters import Filter, all_of, parse_filter, to_mongo
from projections.querying.gaps import stored_defaults
from projections.querying.guard import SCAN_LIMIT, ScanGuard
from projections.querying.locator import ViewLocator
from projections.querying.ordering import parse_order
from projections.querying.pages import ListQuery, Page, Side
from projections.querying.row_scope import RowScope, check_rule
from projections.querying.searching import parse_search, search_errors
from projections.storage.indexes import check_indexes
from projections.storage.rows import BY_CHANGE, LAST_CHANGED_FIRST, Row, place, row_key

BY_KEY = "_id_"
"""The index of the keys of rows."""

PROMPT = 0.02
"""Seconds within which an up-to-date view usually contains a new event, on an idle machine."""


class ViewReader:
    """Reads one view. Every method raises Unavailable if MongoDB does not answer in time.

    A query that no index serves raises NotIndexed if it would scan more than `scan_limit` rows. A query that
    needs a field which the rows lack until they are rebuilt raises ViewRebuilding: see `RowGaps`. With
    `direct_reads`, datetimes of rows by their ids, and of pages, may be without a time zone: see there. The
    constructor raises DeclarationError if the view filters or sorts by a field that cannot be compared, or if
    its rule of access has a value of another kind than its field.
    """

    def __init__(
        self,
        locator: ViewLocator,
        scan_limit: int | None = SCAN_LIMIT,
        direct_reads: DirectReads | None = None,
    ) -> None:
        check_indexes(locator.view)
        stored_defaults(locator.view)
        check_rule(locator.view)
        self._guard = ScanGuard(locator.view, scan_limit)
        self.view = locator.view
        self._locator = locator
        self._direct_reads = direct_reads

    async def get(self, scope: RowScope, id: str, *, fields: Fields | None = None) -> Row | None:
        """Return the scope's row of this id, reduced to `fields` if given; None if there is none."""
        row = await self._row(scope, id, fields)
        return None if row is None or row["_gone"] else row

    async def get_at_least(
        self,
        scope: RowScope,
        id: str,
        position: int,
        within: float,
        *,
        event: EventName | None = None,
        fields: Fields | None = None,
    ) -> Row | None:
        """Return what `get` does, once the row contains all events up to `position`.

        The row's own position shows that, or the position of the view. With an `event` of the row's own
        stream it is enough that the row contains that event. Raises StaleRead after `within` seconds, and
        RowParked if an event up to there could not be folded; with `event`, only one of its stream counts.
        """
        requirement = AtLeast(position, event)
        waiters = self._locator.rows_written
        with waiters.announced(position) as written:
            if waiters.highest < position:
                # Not announced yet: a read now would slow down the projector that writes the row.
                await wait_briefly(PROMPT, written.wait())
            written.clear()
            row = await self._row_that_meets(requirement, scope, id, fields)
            if row is None:
                reaching = asyncio.create_task(self.wait_for(position, within))
                try:
                    while row is None and await finishes_first(written.wait(), reaching):
                        written.clear()
                        row = await self._row_that_meets(requirement, scope, id, fields)
                    if row is None:
                        await reaching
                        row = await self._row(scope, id, fields, *AT_LEAST)
                finally:
                    reaching.cancel()
        if row is not None:
            requirement.check(self.view.name, id, row)
        if event is not None and self.view.key is not by_stream:
            await self._check_parked_alone(requirement, scope.tenant, event)
        return None if row is None or row["_gone"] else row

    async def _row_that_meets(
        self, requirement: AtLeast, scope: RowScope, id: str, fields: Fields | None
    ) -> Row | None:
        """Return the row, even if it is gone; None if it does not show that it meets the requirement."""
        row = await self._row(scope, id, fields, *AT_LEAST)
        return row if row is not None and requirement.is_met_by(row) else None

    async def _check_parked_alone(self, requirement: AtLeast, tenant: str, event: EventName) -> None:
        """Raise RowParked if an event of the stream is parked alone, because its rows are unknown."""
        parking_tenant, parking_id = parking_row(tenant, event)
        # The prefix is followed by a version; the colon is the character after the digits.
        prefix = row_key(parking_tenant, parking_id.rpartition("@")[0] + "@")
        rows = await self._locator.rows()
        of_stream = {"_id": {"$gte": prefix, "$lt": f"{prefix}:"}, "_parked": {"$exists": True}}
        with unavailable_if_down():
            parking_rows = await rows.find(of_stream, {"_id": 0, "_parked": 1}).to_list(None)
        for row in parking_rows:
            requirement.check(self.view.name, None, row)

    async def _row(self, scope: RowScope, id: str, fields: Fields | None, *needed: str) -> Row | None:
        collection = await self._locator.rows()
        query = {"_id": row_key(scope.tenant, id), **to_mongo(self._locator.restricted(collection, scope))}
        # With a rule, the planner would try the indexes of the rule's fields too.
        hint = None if scope.is_whole_tenant else BY_KEY
        shown = projection(fields, "_gone", *needed)
        with unavailable_if_down():
            if self._direct_reads is None:
                row = await collection.find_one(query, shown, hint=hint)
            else:
                rows = await self._direct_reads.find(collection, query, shown, 1, hint=hint)
                row = rows[0] if rows else None
        gaps = self._locator.gaps(collection)
        return row if row is None or gaps is None else gaps.fill(row)

    async def stored_rows(self, keys: Sequence[str]) -> list[Row]:
        """Return the rows of these keys, even if they are gone or no rule allows a caller to see them."""
        collection = await self._locator.rows()
        with unavailable_if_down():
            rows = await collection.find({"_id": {"$in": keys}}).to_list(None)
        return self._locator.filled(collection, rows)

    async def page(self, scope: RowScope, query: ListQuery, *, unchanged_since: int | None = None) -> Page:
        """Return a page of the scope's rows.

        With `unchanged_since`, it has only rows that have not changed after that position. Raises
        ValidationFailed at ``filter``, ``search``, ``orderBy`` or the cursor that is wrong, and NotIndexed.
        """
        parsed = parse_filter(self.view, query.filter)
        by = parse_order(self.view, query.order, filter=parsed, search=query.search)
        listed = {**_live(scope.tenant, unchanged_since), **parse_search(self.view, query.search)}
        searched = self.view.search if query.search is not None else ()
        collection = await self._locator.rows()
        parsed = self._locator.adapted(collection, parsed, (*by.names, *searched))
        restricted = self._locator.restricted(collection, scope, parsed)
        conditions = [to_mongo(restricted)]
        sides: list[Side] = [False, False]
        for side, cursor in enumerate((query.after, query.before)):
            if cursor is not None:
                path = (("after", "before")[side],)
                conditions.append(by.beyond(cursor, path, backward=bool(side)))
                at_cursor = partial(by.beyond, cursor, path, backward=not side, at=True)
                sides[side] = partial(self._exists, listed, conditions[0], at_cursor)
        is_served = query.search is None and await self._guard.check(collection, scope, parsed, by)
        shown, sort = projection(query.fields, *by.names), by.sort(backward=query.backward)
        wanted, limit = {**listed, **all_of(conditions)}, query.size + 1
        with search_errors(self.view):
            if is_served and self._direct_reads is not None:
                rows = await self._direct_reads.find(collection, wanted, shown, limit, sort=sort)
            else:
                rows = await find(collection, wanted, shown).sort(sort).limit(limit).to_list(None)
        sides[not query.backward] = len(rows) > query.size
        page = self._locator.filled(collection, rows[: query.size])
        describe_read = partial(query.describe_read, rows, restricted, by)
        return Page(page[::-1] if query.backward else page, sides[1], sides[0], by, describe_read)

    async def _exists(self, listed: Document, condition: Document, at: Callable[[], Document]) -> bool:
        """Return whether a listed row meets the condition, and that of its place."""
        query = {**listed, **all_of([condition, at()])}
        collection = await self._locator.rows()
        with search_errors(self.view):
            return await collection.find_one(query, {"_id": 1}) is not None

    def _query(
        self, rows: Collection, scope: RowScope, adapted: Filter, unchanged_since: int | None = None
    ) -> dict[str, Any]:
        """Return the MongoDB filter for the scope's rows that match an adapted filter."""
        restricted = self._locator.restricted(rows, scope, adapted)
        return {**_live(scope.tenant, unchanged_since), **to_mongo(restricted)}

    async def matching(
        self, scope: RowScope, filter: Filter, position: int | None = None, limit: int | None = None
    ) -> list[Row]:
        """Return the scope's rows that `filter` matches and that were created up to `position`.

        Returns at most `limit` rows, those that changed last first. A row may have changed after `position`.
        Raises NotIndexed.
        """
        collection = await self._locator.rows()
        adapted = self._locator.adapted(collection, filter)
        query = self._query(collection, scope, adapted)
        if position is not None:
            query["_created"] = {"$lte": position}
        await self._guard.check(collection, scope, adapted)
        results = find(collection, query).sort(LAST_CHANGED_FIRST)
        with unavailable_if_down():
            rows = await results.limit(limit or 0).to_list(None)
        return self._locator.filled(collection, rows)

    async def places(self, scope: RowScope, filter: Filter) -> list[tuple[str, Place]]:
        """Return the id and the place of the last change of each row that `filter` matches, the latest first.

        Raises NotIndexed.
        """
        collection = await self._locator.rows()
        adapted = self._locator.adapted(collection, filter)
        await self._guard.check(collection, scope, adapted)
        query = self._query(collection, scope, adapted)
        results = find(collection, query, {"id": 1, "_position": 1, "_place": 1}).sort(LAST_CHANGED_FIRST)
        with unavailable_if_down():
            return [(row["id"], place(row)) for row in await results.to_list(None)]

    async def changed_since(self, tenant: str, position: int, limit: int) -> list[Row]:
        """Return the tenant's rows that changed at `position` or later, in that order.

        They include rows that are gone, and rows that no rule allows a caller to see.
        """
        collection = await self._locator.rows()
        results = collection.find({"_tenant": tenant, "_position": {"$gte": position}}).sort(BY_CHANGE)
        with unavailable_if_down():
            rows = await results.limit(limit).to_list(None)
        return self._locator.filled(collection, rows)

    async def count(
        self, scope: RowScope, filter: Mapping[str, Any] | None = None, search: str | None = None
    ) -> int:
        """Return how many rows match. Raises ValidationFailed at ``filter`` or ``search``, and NotIndexed."""
        parsed = parse_filter(self.view, filter)
        words = parse_search(self.view, search)
        collection = await self._locator.rows()
        searched = self.view.search if search is not None else ()
        parsed = self._locator.adapted(collection, parsed, searched)
        query = {**self._query(collection, scope, parsed), **words}
        if search is None:
            await self._guard.check(collection, scope, parsed)
        with search_errors(self.view):
            return await count(collection, query)

    async def ids(
        self, scope: RowScope, filter: Mapping[str, Any] | None = None, *, unchanged_since: int
    ) -> set[str]:
        """Return the ids of all rows that match and have not changed after a position. Raises as `count`."""
        parsed, collection = parse_filter(self.view, filter), await self._locator.rows()
        parsed = self._locator.adapted(collection, parsed)
        await self._guard.check(collection, scope, parsed)
        query = self._query(collection, scope, parsed, unchanged_since)
        with unavailable_if_down():
            return {row["id"] for row in await find(collection, query, {"id": 1}).to_list(None)}

    async def changed_after(self, tenant: str, position: int, created_upto: int, limit: int) -> list[str]:
        """Return the ids of at most `limit` rows created by `created_upto` and changed after `position`."""
        query = {"_tenant": tenant, "_position": {"$gt": position}, "_created": {"$lte": created_upto}}
        results = (await self._locator.rows()).find(query, {"id": 1}).sort(BY_CHANGE)
        with unavailable_if_down():
            return [row["id"] for row in await results.limit(limit).to_list(None)]

    @property
    def edition(self) -> int:
        """The edition of the rows as of the last read of the position: see `ViewLocator.edition`."""
        return self._locator.edition

    @property
    def edition_since(self) -> int:
        """The position at which the edition began: see `ViewLocator.edition_since`."""
        return self._locator.edition_since

    async def is_of_this_code(self) -> bool:
        """Return whether this process's code produced the rows: see `ViewLocator.is_of_this_code`."""
        return await self._locator.is_of_this_code()

    async def position(self) -> int:
        """Return the position up to which the view contains every change."""
        return await self._locator.position()

    async def wait_for(self, position: int, within: float) -> None:
        """Wait until the view has reached `position`. Raises StaleRead after `within` seconds."""
        reached = await self._locator.reach(position, within)
        if reached < position:
            raise StaleRead(self.view.name, position - reached, await self._locator.obstacle())


def _live(tenant: str, unchanged_since: int | None = None) -> dict[str, Any]:
    live: dict[str, Any] = {"_tenant": tenant, "_gone": False}
    return live if unchanged_since is None else {**live, "_position": {"$lte": unchanged_since}}
