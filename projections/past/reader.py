"""A view as it was at a point in the past, by the same fold that keeps it.

Most rows of a list have not changed since, and those MongoDB finds, sorts and cuts as for a list of now. The
others are folded again from the log, filtered and sorted in memory, and put between them. Where the stored
rows are of other code than this process's view, as while a rebuild runs or is held, all are folded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from domain.kernel.errors import ValidationFailed
from domain.kernel.personal import holds_personal_data
from eventstore.log import EventLog
from eventstore.mongo.driver import Document
from projections.past.changed import ChangedRows
from projections.past.changes import Changes, by_commit, page_of
from projections.past.folds import FoldStep, PastFolds
from projections.past.reasons import Reason, causes_of
from projections.querying.fields import Fields
from projections.querying.filters import parse_filter, to_predicate
from projections.querying.ordering import OrderBy, parse_order
from projections.querying.pages import Page, page_size
from projections.querying.queries import ViewReader
from projections.storage.row_events import Budget
from projections.storage.rows import Row, row_key


class PastReader:
    """Gives one view as of any position. A question that takes more than `most` events raises TooComplex.

    `within` is how many seconds a question for a list waits until the view has reached the position.
    """

    def __init__(self, reader: ViewReader, log: EventLog, most: int, within: float) -> None:
        self.reader = reader
        self.log = log
        self.within = within
        self.folds = PastFolds(reader.view, log)
        self.changed = ChangedRows(reader, self.folds)
        self._most = most
        contexts = (reader.view.context, *reader.view.also_reads)
        self.is_personal = any(holds_personal_data(context.aggregate) for context in contexts)

    def at(self, position: int) -> PastView:
        """The view at a position that is settled, see `EventLog.position_at`."""
        return PastView(self, position)

    def budget(self) -> Budget:
        """What one question may read."""
        return Budget(self._most)


@dataclass(frozen=True, slots=True)
class PastView:
    """A view as of one position; asked like the `ViewReader` of it.

    Personal data of those who are erased by now is null, whatever the position. Every method raises
    TooComplex, and Unavailable where MongoDB does not answer.
    """

    past: PastReader
    position: int

    async def get(self, tenant: str, id: str) -> Row | None:
        """The tenant's row of this id, None where it was not there then."""
        return (await self.rows(tenant, [id])).get(id)

    async def rows(self, tenant: str, ids: Sequence[str]) -> dict[str, Row]:
        """Those of the tenant's rows of these ids that were there then."""
        reader, found = self.past.reader, list[Row]()
        changed = ids
        if await reader.position() >= await self._needed() and await reader.is_of_this_code():
            stored = await reader.stored_rows([row_key(tenant, one) for one in ids])
            # Again: other rows may have become the ones that are read.
            if await reader.is_of_this_code():
                found = [row for row in stored if row["_position"] <= self.position]
                changed = [row["id"] for row in stored if row["_created"] <= self.position < row["_position"]]
        folded = await self.past.folds.rows(tenant, changed, self.position, self.past.budget())
        return {row["id"]: row for row in (*found, *folded.values()) if not row["_gone"]}

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
    ) -> Page:
        """As `ViewReader.page`. Raises StaleRead where the view does not reach the position in time.

        Raises ValidationFailed at ``search``: no index holds what rows said in the past.
        """
        _refuse_search(search)
        if not await self._reach():
            return await self._folded_page(tenant, filter, order, first, after, last, before)
        # In this order: a row that changes in between is then in one of the two, or in both of them.
        page = await self.past.reader.page(
            tenant,
            filter,
            order,
            first=first,
            after=after,
            last=last,
            before=before,
            fields=fields,
            unchanged_since=self.position,
        )
        changed = await self._changed(tenant, filter)
        if not await self.past.reader.is_of_this_code():
            return await self._folded_page(tenant, filter, order, first, after, last, before)
        return _with(page, changed, first, after, last, before)

    async def count(
        self, tenant: str, filter: Mapping[str, Any] | None = None, search: str | None = None
    ) -> int:
        """As `ViewReader.count`. Raises as `page`."""
        _refuse_search(search)
        if await self._reach():
            unchanged = await self.past.reader.ids(tenant, filter, unchanged_since=self.position)
            changed = await self._changed(tenant, filter)
            if await self.past.reader.is_of_this_code():
                return len(unchanged.union(row["id"] for row in changed))
        return len(await self._folded(tenant, filter))

    async def history(
        self,
        tenant: str,
        id: str,
        *,
        first: int | None = None,
        after: int | None = None,
        last: int | None = None,
        before: int | None = None,
    ) -> Changes:
        """The `first` or the `last` changes of a row between two positions; none of what is no row."""
        steps = self.past.folds.steps(tenant, id, self.position, self.past.budget())
        async with aclosing(steps), aclosing(by_commit(steps)) as changes:
            return await page_of(changes, first=first, after=after, last=last, before=before)

    async def why(self, tenant: str, id: str, field: str) -> Reason | None:
        """Why a field of a row had its value then; None where there was no such row."""
        budget = self.past.budget()
        setting: FoldStep | None = None
        row: Row | None = None
        async with aclosing(self.past.folds.steps(tenant, id, self.position, budget)) as steps:
            async for step in steps:
                row = step.after
                if row is not None and (step.before is None or step.before.get(field) != row.get(field)):
                    setting = step
        if row is None or setting is None:
            return None
        before = None if setting.before is None else setting.before.get(field)
        causes = await causes_of(self.past.log, tenant, setting.event, budget)
        return Reason(setting.event, before, row.get(field), causes)

    async def _changed(self, tenant: str, filter: Mapping[str, Any] | None) -> list[Document]:
        """The rows that have changed since and met the filter then."""
        holds = to_predicate(parse_filter(self.past.reader.view, filter))
        changed = await self.past.changed.since(tenant, self.position, self.past.budget())
        return [row for row in changed if holds(row)]

    async def _folded(self, tenant: str, filter: Mapping[str, Any] | None) -> list[Document]:
        """The rows that met the filter then, all of them folded from the log."""
        holds = to_predicate(parse_filter(self.past.reader.view, filter))
        rows = await self.past.changed.all(tenant, self.position, self.past.budget())
        return [row for row in rows if holds(row)]

    async def _folded_page(
        self,
        tenant: str,
        filter: Mapping[str, Any] | None,
        order: OrderBy | None,
        first: int | None,
        after: str | None,
        last: int | None,
        before: str | None,
    ) -> Page:
        """The page of rows that are all folded from the log."""
        page_size(first, last)
        view = self.past.reader.view
        empty = Page((), False, False, parse_order(view, order, filter=parse_filter(view, filter)))
        return _with(empty, await self._folded(tenant, filter), first, after, last, before)

    async def _reach(self) -> bool:
        """Whether the stored rows are of this process's code; then also waits until they are far enough."""
        reader = self.past.reader
        if await reader.is_of_this_code():
            await reader.wait_for(await self._needed(), self.past.within)
        return await reader.is_of_this_code()

    async def _needed(self) -> int:
        """Where the view must be for its rows to be told as those of the past.

        One with personal data must have met every erasure: until then its rows still tell of the erased.
        """
        return max(self.position, await self.past.log.head()) if self.past.is_personal else self.position


def _with(
    page: Page,
    changed: Sequence[Row],
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Page:
    """The page with those of the rows that belong on it, and what more of them there is beside it."""
    window = page.order.window(after, before)
    by_id = {row["id"]: row for row in (*page.rows, *filter(window.holds, changed))}
    rows = sorted(by_id.values(), key=page.order.key)
    if last is None:
        more, there = len(rows) > len(rows[:first]), any(map(window.precedes, changed))
        return replace(
            page, rows=rows[:first], has_next=more or page.has_next, has_previous=there or page.has_previous
        )
    surplus, there = max(0, len(rows) - last), any(map(window.follows, changed))
    return replace(
        page,
        rows=rows[surplus:],
        has_next=there or page.has_next,
        has_previous=surplus > 0 or page.has_previous,
    )


def _refuse_search(search: str | None) -> None:
    if search is not None:
        raise ValidationFailed("a list of the past cannot be searched; leave out search or asOf", ("search",))
