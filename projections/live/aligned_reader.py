"""Reads of a view that are aligned with what is published: they leave no gap and repeat no state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from domain.kernel.errors import StaleRead
from domain.kernel.limit_errors import TooComplex
from eventstore.place import Place
from projections.live.filter_index import named_ids
from projections.live.result_set import MatchingRow
from projections.querying.filters import Filter
from projections.querying.queries import ViewReader
from projections.querying.row_scope import RowScope
from projections.storage.rows import Row, place, row_key
from subscriptions.live.dispatcher import Dispatcher


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How long reads wait, in seconds, and how many rows a subscriber may have missed.

    `checkpoint_wait` is for the checkpoint that follows rows which are written already. It is longer for a
    subscriber that resumes, which would receive such rows twice if it had to resume again. `view_wait` is one
    wait for a view that is behind. After more than `missed_rows`, or more than `hidden_rows` that it may not
    see now, a subscriber begins with a snapshot.
    """

    checkpoint_wait: float = 2.0
    resume_checkpoint_wait: float = 30.0
    view_wait: float = 60.0
    missed_rows: int = 10_000
    hidden_rows: int = 1_000


class PastVisibility(Protocol):
    """Returns which of these rows were in the scope at a position or later. May raise TooComplex."""

    async def __call__(self, scope: RowScope, ids: Sequence[str], since: int) -> Collection[str]: ...


class RowQuery(NamedTuple):
    """The rows of a scope that meet a filter. A new subscriber receives the `first` of them."""

    scope: RowScope
    filter: Filter
    first: int | None

    @property
    def tenant(self) -> str:
        return self.scope.tenant

    @property
    def condition(self) -> Filter:
        """What a row must meet: the rule of the scope, and the filter."""
        return self.scope.restrict(self.filter)


class AlignedReader:
    """Reads the rows of one query. Its methods raise Unavailable if MongoDB does not answer."""

    def __init__(
        self,
        dispatcher: Dispatcher[Row],
        reader: ViewReader,
        past: PastVisibility,
        query: RowQuery,
        limits: ReadLimits,
    ) -> None:
        self._past = past
        self._dispatcher = dispatcher
        self._reader = reader
        self._query = query
        self._limits = limits

    @property
    def position(self) -> int:
        """The position up to which every change is published."""
        return self._dispatcher.position

    @property
    def floor(self) -> int:
        """The position at which the published states of all rows are, or later."""
        return self._dispatcher.floor

    @property
    def edition(self) -> int:
        """The view's edition: with another one its rows may differ without a change."""
        return self._reader.edition

    @property
    def edition_since(self) -> int:
        """The position at which the edition began."""
        return self._reader.edition_since

    async def started(self) -> None:
        """Wait until `position` is known."""
        await self._dispatcher.started()

    async def erasure_published(self) -> bool:
        """Return whether the last erasure is published; if not, wait for it once and return False."""
        erasure = self._dispatcher.erasure
        if erasure <= self.position:
            return True
        await self._dispatcher.reach(erasure, self._limits.view_wait)
        return False

    async def changed_after(self, after: Place) -> Sequence[Row] | None:
        """Return the rows that changed after this place, some of which do not meet the filter.

        Return None if there are more of them than a subscriber may have missed.
        """
        query, limit = self._query, self._limits.missed_rows
        ids = named_ids(query.filter)
        if ids is not None:
            return [row for row in await self.rows(ids) if place(row) > after]
        rows = await self._reader.changed_since(query.tenant, after.position, limit + 1)
        return rows if len(rows) <= limit else None

    async def rows(self, ids: Iterable[str]) -> Sequence[Row]:
        """Return the rows with these ids, even if they are gone."""
        return await self._reader.stored_rows([row_key(self._query.tenant, row_id) for row_id in ids])

    async def visible_since(self, ids: Collection[str], after: Place) -> Collection[str]:
        """Return those of the rows that a subscriber which had received everything up to the place may have.

        It may have later states, because a row may be read before its place is published, and earlier ones,
        because a row that changes often is published late. Raises TooComplex if there are too many rows.
        """
        if len(ids) > self._limits.hidden_rows:
            raise TooComplex("too many rows have changed that are hidden from the subscriber")
        return await self._past(self._query.scope, list(ids), after.states_from)

    async def first_rows(self, upto: int | None = None) -> tuple[Sequence[Row], bool]:
        """Return the first rows that were created up to a position, and whether there are no others."""
        scope, row_filter, first = self._query
        limit = None if first is None else first + 1
        rows = await self._reader.matching(scope, row_filter, upto, limit)
        return rows[:first], limit is None or len(rows) < limit

    async def matching_places(self) -> list[MatchingRow]:
        """Return all rows that meet the filter, by id and place."""
        places = await self._reader.places(self._query.scope, self._query.filter)
        return [MatchingRow(row_id, row_place, None) for row_id, row_place in places]

    async def wait_until_published(
        self, position: int, places: Iterable[Place], *, resuming: bool = False
    ) -> bool:
        """Wait until everything that was read is published.

        Returns False if the view's checkpoint does not get there in time.
        """
        within = self._limits.resume_checkpoint_wait if resuming else self._limits.checkpoint_wait
        goal = max((row_place.position for row_place in places), default=0)
        return await self._dispatcher.reach(max(goal, position), within)

    async def wait_for_view(self, position: int) -> int:
        """Wait until the view has reached this position and what is published, and return its position.

        The view may be behind because it is being rebuilt.
        """
        goal = max(position, self._dispatcher.position)
        while (reached := await self._reader.position()) < goal:
            try:
                await self._reader.wait_for(goal, self._limits.view_wait)
            except StaleRead:
                continue
        return reached
