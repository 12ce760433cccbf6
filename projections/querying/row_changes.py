"""The rows of views that changed lately, read from MongoDB when a query needs to know of them.

A row that can be read may be ahead of its view: a projector writes the rows of a batch in any order, and
moves the checkpoint of the view after them. So all rows ahead of the checkpoint are read each time. Those
that have the place at which they were read before are no changes. Nothing runs while no query asks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import islice

from eventstore.mongo.driver import unavailable_if_down
from eventstore.mongo.group_reads import GroupReads
from eventstore.mongo.reads import find
from eventstore.place import Place
from eventstore.reading.last_commits import LastCommits
from projections.kernel.field_kinds import kinds
from projections.querying.locator import ViewLocator
from projections.querying.row_reads import QueryReads, RowMark
from projections.querying.view_states import ALWAYS_FOLDED
from projections.storage.rows import BY_CHANGE, Row, place

MAX_CHANGES = 500
"""Changes of a view that are kept. What was read before them counts as changed."""


class RowChanges:
    """The changes of one view's rows, of all tenants.

    A change has the row's id, and the fields by which rows are found and sorted. `number` counts them.
    """

    def __init__(self, locator: ViewLocator) -> None:
        self._locator = locator
        self._lock = asyncio.Lock()
        self._generation: int | None = None
        self._complete = 0
        self._ahead: dict[str, Place] = {}
        """The places at which rows ahead of `_complete` were read, by their keys."""
        self._kept: deque[Row] = deque()
        self._dropped = 0
        names = ("_id", "_tenant", "_gone", "_position", "_place", *kinds(locator.view))
        self._projection = dict.fromkeys(names, 1)

    @property
    def number(self) -> int:
        return self._dropped + len(self._kept)

    async def read(self) -> tuple[int, int, int] | None:
        """Read the changes up to now. Return the generation, `number`, and the position that is complete.

        Returns None if there are too many changes, no complete rows yet, or other rows since just now.
        Raises Unavailable.
        """
        async with self._lock:
            generation, after = await self._locator.generation(), self._complete
            complete = after
            if generation != self._generation or self._ahead:
                # Before the rows: those up to this position are written.
                generation, complete = await self._locator.progress()
            rows = await self._locator.rows()
            if not complete or await self._locator.generation() != generation:
                return None
            if generation != self._generation:
                self._restart(generation, complete)
                after = complete
            changed = find(rows, {"_position": {"$gt": after}}, self._projection).sort(BY_CHANGE)
            with unavailable_if_down():
                changes = await changed.limit(MAX_CHANGES + 1).to_list(None)
            if len(changes) > MAX_CHANGES:
                self._generation = None
                return None
            self._take(changes, complete)
            return generation, self.number, complete

    def since(self, mark: RowMark) -> Sequence[Row] | None:
        """Return the changes after the mark; None if they are not known any more."""
        if mark.generation != self._generation or mark.number < self._dropped:
            return None
        return list(islice(self._kept, mark.number - self._dropped, None))

    def _restart(self, generation: int, complete: int) -> None:
        """Follow the rows from this position on. Changes before it may be missing, so no mark remains."""
        self._dropped = self.number + 1
        self._kept.clear()
        self._ahead.clear()
        self._generation, self._complete = generation, complete

    def _take(self, changes: Sequence[Row], complete: int) -> None:
        self._complete = complete
        before, self._ahead = self._ahead, {}
        for row in changes:
            key, row_place = row["_id"], place(row)
            if before.get(key) != row_place:
                self._kept.append(row)
            if row_place.position > complete:
                self._ahead[key] = row_place
        while len(self._kept) > MAX_CHANGES:
            self._kept.popleft()
            self._dropped += 1


class ChangeTracker:
    """Finds out whether changed rows concern the results of queries, with reads that requests share.

    MongoDB ends a read after `seconds`.
    """

    def __init__(
        self, locators: Mapping[str, ViewLocator], last_commits: LastCommits, seconds: float
    ) -> None:
        self._last_commits = last_commits
        self._reads = GroupReads(seconds)
        self._categories = {name: locator.view.categories for name, locator in locators.items()}
        self._changes = {name: RowChanges(locator) for name, locator in locators.items()}

    async def marks(self, tenant: str, views: Collection[str]) -> Mapping[str, RowMark] | None:
        """Read the changes of these views, and return the present marks by view.

        The reads begin after the call. Returns None if the changes cannot be followed now; those of a tenant
        without commits never can, because an erasure removes its commits before its rows. Raises Unavailable.
        """
        load = partial(self._load_commits, tenant)
        changes = [self._reads.read("changes", view, self._load_changes) for view in views]
        commits = [self._reads.read(("commits", tenant), view, load) for view in views]
        known, bounds = await asyncio.gather(asyncio.gather(*changes), asyncio.gather(*commits))
        if None in known or None in bounds:
            return None
        return {
            view: RowMark(*progress, *positions)
            for view, progress, positions in zip(views, known, bounds, strict=True)
        }

    def concern(self, tenant: str, reads: QueryReads, marks: Mapping[str, RowMark]) -> bool:
        """Return whether changes up to these marks may concern what a query has read."""
        for view, mark in reads.marks.items():
            changes = self._changes[view].since(mark) if mark.is_comparable(marks[view]) else None
            if changes is None or any(
                row["_tenant"] == tenant and reads.may_change(view, row) for row in changes
            ):
                return True
        return False

    async def _load_changes(self, views: Collection[str]) -> Mapping[str, tuple[int, int, int]]:
        read = await asyncio.gather(*(self._changes[view].read() for view in views))
        return {view: known for view, known in zip(views, read, strict=True) if known is not None}

    async def _load_commits(self, tenant: str, views: Collection[str]) -> Mapping[str, tuple[int, int]]:
        """Return the position of the tenant's first commit for each view, and of its last refold."""
        last_refold, *first = await asyncio.gather(
            self._last_commits.read(tenant, ALWAYS_FOLDED),
            *(self._last_commits.read_first(tenant, self._categories[view]) for view in views),
        )
        pairs = zip(views, first, strict=True)
        return {view: (position, last_refold) for view, position in pairs if position}
