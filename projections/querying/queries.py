"""The query side of a view: one row, pages, counts, and waiting for a position."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from pymongo.errors import OperationFailure

from domain.kernel.errors import StaleRead, Unavailable
from eventstore.mongo.driver import INDEX_NOT_FOUND, unavailable_if_down
from eventstore.place import Place
from projections.folding.parking import EventName, alone
from projections.kernel import by_stream
from projections.querying.at_least import AT_LEAST, AtLeast, is_first, wait_briefly
from projections.querying.fields import Fields, projection
from projections.querying.filters import EVERYTHING, Filter, parse_filter, to_mongo
from projections.querying.gaps import stored_defaults
from projections.querying.guard import SCAN_LIMIT, ScanGuard
from projections.querying.locator import ViewLocator
from projections.querying.ordering import OrderBy, parse_order
from projections.querying.pages import Page, Side, page_size
from projections.querying.searching import parse_search
from projections.storage.indexes import check_indexes
from projections.storage.rows import BY_CHANGE, LAST_CHANGED_FIRST, Row, place, row_key

PROMPT = 0.02
"""Seconds in which a view that is kept up to date has what was just written, on a machine at rest."""


class ViewReader:
    """Reads one view. Every method raises Unavailable where MongoDB does not answer in time.

    A query that no index serves is refused where more than `scan_limit` rows are to be looked through. One
    that needs a field which the rows lack until they are rebuilt raises ViewRebuilding: see `RowGaps`.
    Making a reader raises DeclarationError where the view filters or sorts by what cannot be compared.
    """

    def __init__(self, locator: ViewLocator, scan_limit: int | None = SCAN_LIMIT) -> None:
        check_indexes(locator.view)
        stored_defaults(locator.view)
        self._guard = ScanGuard(locator.view, scan_limit)
        self.view = locator.view
        self._locator = locator

    async def get(self, tenant: str, id: str, *, fields: Fields | None = None) -> Row | None:
        """The tenant's row of this id; with `fields` no more of it than these."""
        row = await self._row(tenant, id, fields)
        return None if row is None or row["_gone"] else row

    async def get_at_least(
        self,
        tenant: str,
        id: str,
        position: int,
        within: float,
        *,
        event: EventName | None = None,
        fields: Fields | None = None,
    ) -> Row | None:
        """As `get`, with all in the row that the log has up to `position`.

        That is so as soon as the row says it of itself, or the view of all its rows. With an `event` of the
        row's own stream it is enough that the row holds that one. Raises StaleRead where `within` seconds are
        not enough, RowParked where an event up to there, with `event` of its stream, could not be folded.
        """
        wanted = AtLeast(position, event)
        waiters = self._locator.rows_written
        with waiters.announced(position) as written:
            if waiters.highest < position:
                # Nobody has said yet that it is there: a look now would be in the way of who writes it.
                await wait_briefly(PROMPT, written.wait())
            written.clear()
            row = await self._row_of(tenant, id, wanted, fields)
            if row is None:
                reaching = asyncio.create_task(self.wait_for(position, within))
                try:
                    while row is None and await is_first(written.wait(), reaching):
                        written.clear()
                        row = await self._row_of(tenant, id, wanted, fields)
                    if row is None:
                        await reaching
                        row = await self._row(tenant, id, fields, *AT_LEAST)
                finally:
                    reaching.cancel()
        if row is not None:
            wanted.check(self.view.name, id, row)
        if event is not None and self.view.key is not by_stream:
            await self._check_alone(tenant, wanted, event)
        return None if row is None or row["_gone"] else row

    async def _row_of(self, tenant: str, id: str, wanted: AtLeast, fields: Fields | None) -> Row | None:
        """The row, gone or not, where it says of itself that it holds what is wanted."""
        row = await self._row(tenant, id, fields, *AT_LEAST)
        return row if row is not None and wanted.is_in(row) else None

    async def _check_alone(self, tenant: str, wanted: AtLeast, event: EventName) -> None:
        """Raise RowParked where an event of the stream waits because its rows are not known."""
        own, name = alone(tenant, event)
        # Followed by a version; behind the digits comes the colon.
        first = row_key(own, name.rpartition("@")[0] + "@")
        rows = await self._locator.rows()
        named = {"_id": {"$gte": first, "$lt": f"{first}:"}, "_parked": {"$exists": True}}
        with unavailable_if_down():
            waiting = await rows.find(named, {"_id": 0, "_parked": 1}).to_list(None)
        for row in waiting:
            wanted.check(self.view.name, None, row)

    async def _row(self, tenant: str, id: str, fields: Fields | None, *needed: str) -> Row | None:
        rows = await self._locator.rows()
        with unavailable_if_down():
            shown = projection(fields, "_gone", *needed)
            found = await rows.find_one({"_id": row_key(tenant, id)}, shown)
        gaps = self._locator.gaps(rows)
        return found if found is None or gaps is None else gaps.fill(found)

    async def stored_rows(self, keys: Sequence[str]) -> list[Row]:
        """The rows of these keys, even if they are gone."""
        stored = await self._locator.rows()
        with unavailable_if_down():
            found = await stored.find({"_id": {"$in": keys}}).to_list(None)
        return self._locator.filled(stored, found)

    async def page(
        self,
        tenant: str,
        filter: Mapping[str, Any] | None = None,
        order: OrderBy | None = None,
        *,
        search: str | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        fields: Fields | None = None,
        unchanged_since: int | None = None,
    ) -> Page:
        """The `first` rows behind the cursor `after`, or the `last` ones before the cursor `before`.

        With `fields` they hold no more than these, and what their cursors are made of; with
        `unchanged_since` they are of those rows alone that have not changed behind that position.
        Raises ValidationFailed at ``filter``, ``orderBy`` or the argument that is wrong, and NotIndexed.
        """
        size, backward = page_size(first, last), last is not None
        parsed = parse_filter(self.view, filter)
        by = parse_order(self.view, order, filter=parsed, search=search)
        listed = {**_live(tenant, unchanged_since), **parse_search(self.view, search)}
        searched = self.view.search if search is not None else ()
        stored = await self._locator.rows()
        parsed = self._locator.adapted(stored, parsed, (*by.names, *searched))
        within = [to_mongo(parsed)]
        sides: list[Side] = [False, False]
        for side, cursor in enumerate((after, before)):
            if cursor is not None:
                path = (("after", "before")[side],)
                within.append(by.behind(cursor, path, backward=bool(side)))
                beyond = by.behind(cursor, path, backward=not side, at=True)
                sides[side] = partial(self._any, {**listed, "$and": [within[0], beyond]})
        wanted = {**listed, "$and": within}
        if search is None:
            await self._guard.check(stored, tenant, parsed, by)
        found = stored.find(wanted, projection(fields, *by.names)).sort(by.sort(backward=backward))
        with self._answering():
            rows = await found.limit(size + 1).to_list(None)
        sides[not backward] = len(rows) > size
        page = self._locator.filled(stored, rows[:size])
        return Page(page[::-1] if backward else page, sides[1], sides[0], by)

    async def _any(self, wanted: Mapping[str, Any]) -> bool:
        stored = await self._locator.rows()
        with self._answering():
            return await stored.find_one(wanted, {"_id": 1}) is not None

    async def matching(
        self, tenant: str, filter: Filter, position: int | None = None, limit: int | None = None
    ) -> list[Row]:
        """The tenant's rows for which `filter` holds, at most `limit`, and that came to be up to `position`.

        What changed last comes first. A row may be further on than `position`. Raises NotIndexed.
        """
        stored = await self._locator.rows()
        adapted = self._locator.adapted(stored, filter)
        wanted = {**_live(tenant), **to_mongo(adapted)}
        if position is not None:
            wanted["_created"] = {"$lte": position}
        await self._guard.check(stored, tenant, adapted)
        found = stored.find(wanted).sort(LAST_CHANGED_FIRST)
        with unavailable_if_down():
            rows = await found.limit(limit or 0).to_list(None)
        return self._locator.filled(stored, rows)

    async def places(self, tenant: str, filter: Filter) -> list[tuple[str, Place]]:
        """The id and the last change of each row for which `filter` holds, the latest first.

        Raises NotIndexed.
        """
        stored = await self._locator.rows()
        adapted = self._locator.adapted(stored, filter)
        await self._guard.check(stored, tenant, adapted)
        wanted = {**_live(tenant), **to_mongo(adapted)}
        found = stored.find(wanted, {"id": 1, "_position": 1, "_place": 1}).sort(LAST_CHANGED_FIRST)
        with unavailable_if_down():
            return [(row["id"], place(row)) for row in await found.to_list(None)]

    async def changed_since(self, tenant: str, position: int, limit: int) -> list[Row]:
        """The tenant's rows that changed at `position` or later, gone ones too, by their last change."""
        stored = await self._locator.rows()
        found = stored.find({"_tenant": tenant, "_position": {"$gte": position}}).sort(BY_CHANGE)
        with unavailable_if_down():
            rows = await found.limit(limit).to_list(None)
        return self._locator.filled(stored, rows)

    async def count(
        self, tenant: str, filter: Mapping[str, Any] | None = None, search: str | None = None
    ) -> int:
        """How many rows match. Raises ValidationFailed at ``filter`` or ``search``, and NotIndexed."""
        parsed = parse_filter(self.view, filter)
        wanted = {**_live(tenant), **parse_search(self.view, search)}
        stored = await self._locator.rows()
        searched = self.view.search if search is not None else ()
        parsed = self._locator.adapted(stored, parsed, searched)
        if parsed != EVERYTHING:
            wanted |= to_mongo(parsed)
        if search is None:
            await self._guard.check(stored, tenant, parsed)
        with self._answering():
            return await stored.count_documents(wanted)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Raises Unavailable where MongoDB does not answer, or has not the index yet that a search needs."""
        try:
            with unavailable_if_down():
                yield
        except OperationFailure as error:
            if error.code != INDEX_NOT_FOUND:
                raise
            raise Unavailable(f"{self.view.name} cannot be searched yet; a worker makes the index") from None

    async def ids(
        self, tenant: str, filter: Mapping[str, Any] | None = None, *, unchanged_since: int
    ) -> set[str]:
        """The ids of all rows that match and have not changed behind a position. Raises as `count`."""
        parsed, stored = parse_filter(self.view, filter), await self._locator.rows()
        parsed = self._locator.adapted(stored, parsed)
        await self._guard.check(stored, tenant, parsed)
        wanted = {**_live(tenant, unchanged_since), **to_mongo(parsed)}
        with unavailable_if_down():
            return {row["id"] for row in await stored.find(wanted, {"id": 1}).to_list(None)}

    async def changed_after(self, tenant: str, position: int, created_upto: int, limit: int) -> list[str]:
        """The ids of rows that came to be up to a position and changed behind another, at most `limit`."""
        wanted = {"_tenant": tenant, "_position": {"$gt": position}, "_created": {"$lte": created_upto}}
        found = (await self._locator.rows()).find(wanted, {"id": 1}).sort(BY_CHANGE)
        with unavailable_if_down():
            return [row["id"] for row in await found.limit(limit).to_list(None)]

    @property
    def edition(self) -> int:
        """Of the rows, when the position was read last: see `ViewLocator.edition`."""
        return self._locator.edition

    @property
    def edition_since(self) -> int:
        """See `ViewLocator.edition_since`."""
        return self._locator.edition_since

    async def is_of_this_code(self) -> bool:
        """Whether this process's code made the rows: see `ViewLocator.is_of_this_code`."""
        return await self._locator.is_of_this_code()

    async def position(self) -> int:
        """The position up to which the view holds every change."""
        return await self._locator.position()

    async def wait_for(self, position: int, within: float) -> None:
        """Until the view has reached `position`; raises StaleRead where `within` seconds are not enough."""
        reached = await self._locator.reach(position, within)
        if reached < position:
            raise StaleRead(self.view.name, position - reached, await self._locator.obstacle())


def _live(tenant: str, unchanged_since: int | None = None) -> dict[str, Any]:
    live: dict[str, Any] = {"_tenant": tenant, "_gone": False}
    return live if unchanged_since is None else {**live, "_position": {"$lte": unchanged_since}}
