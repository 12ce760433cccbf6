"""Reading a view at a point in the past, by the same fold that maintains it.

Most rows of a list have not changed since. MongoDB finds and sorts them as for a current list. The other rows
are folded again from the log, filtered and sorted in memory, and merged into the page. If other code than
this process's view produced the stored rows, as while a rebuild runs or is held, all rows are folded.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from domain.kernel.errors import ValidationFailed
from domain.kernel.personal import may_hold_personal_data
from eventstore.log import EventLog
from eventstore.mongo.driver import Document
from projections.past.changed import ChangedRows
from projections.past.changes import Changes, by_commit, page_of
from projections.past.folds import FoldStep, PastFolds
from projections.past.reasons import Reason, causes_of
from projections.querying.filters import parse_filter, to_predicate
from projections.querying.ordering import parse_order
from projections.querying.pages import ListQuery, Page
from projections.querying.queries import ViewReader
from projections.querying.row_scope import RowScope
from projections.storage.row_events import Budget
from projections.storage.rows import Row, row_key


class PastReader:
    """Reads one view at any position. Reads of more than `max_events` events raise TooComplex.

    `within` is the number of seconds that a request for a list waits for the view to reach the position.
    """

    def __init__(self, reader: ViewReader, log: EventLog, max_events: int, within: float) -> None:
        self.reader = reader
        self.log = log
        self.within = within
        self.folds = PastFolds(reader.view, log)
        self.changed = ChangedRows(reader, self.folds)
        self._max_events = max_events
        contexts = (reader.view.context, *reader.view.also_reads)
        self.is_personal = any(may_hold_personal_data(context.aggregate) for context in contexts)

    def at(self, position: int, budget: Budget | None = None) -> PastView:
        """Return the view at a settled position, see `EventLog.position_at`.

        Its reads spend from the budget of a request, by default from one of their own.
        """
        return PastView(self, position, budget or Budget(self._max_events))

    async def visible_since(self, scope: RowScope, ids: Sequence[str], since: int) -> Collection[str]:
        """Return those of the rows that were in the scope at a settled position or later, by id.

        Raises TooComplex and Unavailable.
        """
        upto = await self.log.high_water_mark()
        is_visible, budget = to_predicate(scope.rule), Budget(self._max_events)
        return await self.folds.visible_since(scope.tenant, ids, since, upto, is_visible, budget)


@dataclass(frozen=True, slots=True)
class PastView:
    """A view at one position, with the methods of its `ViewReader`.

    Personal data of subjects that are erased by now is null at every position. Every method raises
    TooComplex, and Unavailable if MongoDB does not answer.
    """

    past: PastReader
    position: int
    budget: Budget

    async def get(self, scope: RowScope, id: str) -> Row | None:
        """Return the scope's row of this id; None if it did not exist, or was not in the scope."""
        return (await self.rows(scope, [id])).get(id)

    async def rows(self, scope: RowScope, ids: Sequence[str]) -> dict[str, Row]:
        """Return those of the rows of these ids that existed and were in the scope."""
        reader, unchanged = self.past.reader, list[Row]()
        changed = ids
        if await reader.position() >= await self._needed() and await reader.is_of_this_code():
            stored = await reader.stored_rows([row_key(scope.tenant, row_id) for row_id in ids])
            # Checked again, because another generation may have become active during the read.
            if await reader.is_of_this_code():
                unchanged = [row for row in stored if row["_position"] <= self.position]
                changed = [row["id"] for row in stored if row["_created"] <= self.position < row["_position"]]
        folded = await self.past.folds.rows(scope.tenant, changed, self.position, self.budget)
        is_allowed = to_predicate(scope.rule)
        return {
            row["id"]: row for row in (*unchanged, *folded.values()) if not row["_gone"] and is_allowed(row)
        }

    async def page(self, scope: RowScope, query: ListQuery) -> Page:
        """Return what `ViewReader.page` does. Raises StaleRead if the view is not that far in time.

        Raises ValidationFailed at ``search``: no index contains the words of past rows.
        """
        _refuse_search(query.search)
        if not await self._reach():
            return await self._folded_page(scope, query)
        # The page is read first: so a row that changes meanwhile is in one of the two, or in both.
        page = await self.past.reader.page(scope, query, unchanged_since=self.position)
        changed = await self._changed(scope, query.filter)
        if not await self.past.reader.is_of_this_code():
            return await self._folded_page(scope, query)
        return _merged(page, changed, query)

    async def count(
        self, scope: RowScope, filter: Mapping[str, Any] | None = None, search: str | None = None
    ) -> int:
        """Return what `ViewReader.count` does. Raises as `page`."""
        _refuse_search(search)
        if await self._reach():
            unchanged = await self.past.reader.ids(scope, filter, unchanged_since=self.position)
            changed = await self._changed(scope, filter)
            if await self.past.reader.is_of_this_code():
                return len(unchanged.union(row["id"] for row in changed))
        return len(await self._folded(scope, filter))

    async def history(
        self,
        scope: RowScope,
        id: str,
        *,
        first: int | None = None,
        after: int | None = None,
        last: int | None = None,
        before: int | None = None,
    ) -> Changes:
        """Return the `first` or the `last` changes of a row between two positions; none for an unknown id."""
        steps = self._steps(scope, id)
        async with aclosing(steps), aclosing(by_commit(steps)) as changes:
            return await page_of(changes, first=first, after=after, last=last, before=before)

    async def why(self, scope: RowScope, id: str, field: str) -> Reason | None:
        """Return why a field of a row had its value; None if the row did not exist."""
        setting: FoldStep | None = None
        row: Row | None = None
        async with aclosing(self._steps(scope, id)) as steps:
            async for step in steps:
                row = step.after
                if row is not None and (step.before is None or step.before.get(field) != row.get(field)):
                    setting = step
        if row is None or setting is None:
            return None
        before = None if setting.before is None else setting.before.get(field)
        causes = await causes_of(self.past.log, scope.tenant, setting.event, self.budget)
        return Reason(setting.event, before, row.get(field), causes)

    async def _steps(self, scope: RowScope, id: str) -> AsyncGenerator[FoldStep, None]:
        """Yield the steps of a row; a state outside the scope is none, as if the row did not exist then."""
        is_allowed = to_predicate(scope.rule)
        async with aclosing(self.past.folds.steps(scope.tenant, id, self.position, self.budget)) as steps:
            async for event, before, after in steps:
                yield FoldStep(
                    event,
                    before if before is not None and is_allowed(before) else None,
                    after if after is not None and is_allowed(after) else None,
                )

    async def _changed(self, scope: RowScope, filter: Mapping[str, Any] | None) -> list[Document]:
        """Return the rows that have changed since and that met the filter at the position."""
        matches = to_predicate(scope.restrict(parse_filter(self.past.reader.view, filter)))
        changed = await self.past.changed.since(scope.tenant, self.position, self.budget)
        return [row for row in changed if matches(row)]

    async def _folded(self, scope: RowScope, filter: Mapping[str, Any] | None) -> list[Document]:
        """Return the rows that met the filter at the position, all folded from the log."""
        matches = to_predicate(scope.restrict(parse_filter(self.past.reader.view, filter)))
        rows = await self.past.changed.all(scope.tenant, self.position, self.budget)
        return [row for row in rows if matches(row)]

    async def _folded_page(self, scope: RowScope, query: ListQuery) -> Page:
        """Return the page of rows that are all folded from the log."""
        view = self.past.reader.view
        order = parse_order(view, query.order, filter=parse_filter(view, query.filter))
        return _merged(Page((), False, False, order), await self._folded(scope, query.filter), query)

    async def _reach(self) -> bool:
        """Wait until the stored rows have reached the position, if they are of this process's code.

        Return whether they are.
        """
        reader = self.past.reader
        if await reader.is_of_this_code():
            await reader.wait_for(await self._needed(), self.past.within)
        return await reader.is_of_this_code()

    async def _needed(self) -> int:
        """Return the position that the view must reach before its rows may be returned as past rows.

        A view with personal data must have handled every erasure: until then its rows contain erased data.
        """
        return max(self.position, await self.past.log.head()) if self.past.is_personal else self.position


def _merged(page: Page, changed: Sequence[Row], query: ListQuery) -> Page:
    """Return the page with the changed rows that belong on it, and with what lies on either side of it."""
    window = page.order.window(query.after, query.before)
    by_id = {row["id"]: row for row in (*page.rows, *filter(window.contains, changed))}
    rows = sorted(by_id.values(), key=page.order.key)
    surplus = max(0, len(rows) - query.size)
    if query.backward:
        has_previous, has_next = surplus > 0, any(map(window.follows, changed))
        rows = rows[surplus:]
    else:
        has_previous, has_next = any(map(window.precedes, changed)), surplus > 0
        rows = rows[: query.size]
    return replace(
        page,
        rows=rows,
        has_next=has_next or page.has_next,
        has_previous=has_previous or page.has_previous,
    )


def _refuse_search(search: str | None) -> None:
    if search is not None:
        raise ValidationFailed("a list of the past cannot be searched; leave out search or asOf", ("search",))
