"""The live queries that read one view, and what they learn of its changes."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Protocol

from eventstore.mongo.group_reads import GroupReads
from projections.live.filter_index import FilterIndex
from projections.querying.filters import Filter
from projections.querying.queries import ViewReader
from projections.storage.rows import Row
from subscriptions.live.dispatcher import Dispatcher


class Dependent(Hashable, Protocol):
    """What depends on rows of views."""

    def mark_changed(self, position: int) -> None:
        """Note that a row which was read may have changed at this position."""


class ViewDependents:
    """Follows the changes of one view, through the dispatcher that its live subscriptions use too.

    `position`: the dependents have learned of every change up to it. `reads` shares reads of the view's
    position between subscribers that come at the same time.
    """

    def __init__(self, dispatcher: Dispatcher[Row], reader: ViewReader, reads: GroupReads) -> None:
        self._dispatcher = dispatcher
        self._reader = reader
        self._reads = reads
        self._index: FilterIndex[Dependent] = FilterIndex()
        self._tenants: dict[Dependent, str] = {}
        self._edition: int | None = None

    @property
    def position(self) -> int:
        return self._dispatcher.position

    @property
    def erasure(self) -> int:
        """The position of the last known erasure; what was read before it must not be delivered."""
        return self._dispatcher.erasure

    @property
    def edition_since(self) -> int:
        """The position at which a rebuild last changed rows without a change in the log."""
        return self._reader.edition_since

    def add(self, dependent: Dependent, tenant: str, filter: Filter) -> None:
        """Let the dependent learn of changes of the tenant's rows that the filter may match."""
        self._tenants[dependent] = tenant
        self._index.add(dependent, tenant, filter)
        self._dispatcher.attach(self._handle)

    def remove(self, dependent: Dependent) -> None:
        """Undo `add`."""
        self._index.remove(dependent, self._tenants.pop(dependent))
        self._dispatcher.detach(self._handle)
        if not self._tenants:
            self._edition = None

    async def reach_present(self) -> None:
        """Wait until the dependents have learned of every change that the view contains now."""
        await self._dispatcher.started()
        if self._edition is None:
            self._edition = self._reader.edition
        position: int = await self._reads.read(self._reader.view.name, None, self._read_position)
        await self._dispatcher.reach(position)

    async def _read_position(self, _items: Collection[None]) -> Mapping[None, int]:
        return {None: await self._reader.position()}

    def _handle(self, rows: Sequence[Row]) -> None:
        edition = self._reader.edition
        if self._edition not in (None, edition):
            # Results up to this position were made of the rows before the rebuild.
            for dependent in list(self._tenants):
                dependent.mark_changed(self.position + 1)
        self._edition = edition
        for row in rows:
            for dependent in self._index.concerned(row):
                dependent.mark_changed(row["_position"])


class QueryProgress:
    """How far the views of one query are: all of them have published everything up to `position`."""

    def __init__(self, views: Sequence[ViewDependents]) -> None:
        self._views = views

    @property
    def position(self) -> int:
        return min(view.position for view in self._views)

    @property
    def highest(self) -> int:
        """The position up to which at least one of the views has published changes."""
        return max(view.position for view in self._views)

    @property
    def erasure(self) -> int:
        """The position of the last known erasure; what was read before it must not be delivered."""
        return max(view.erasure for view in self._views)

    @property
    def edition_since(self) -> int:
        """The position at which a rebuild last changed rows without a change in the log."""
        return max(view.edition_since for view in self._views)

    async def reach_present(self) -> None:
        """Wait until every change that the views contain now is published."""
        for view in self._views:
            await view.reach_present()
