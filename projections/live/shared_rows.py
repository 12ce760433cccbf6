"""The rows that the subscribers of one topic share, read from the view and published to them.

A read may be ahead of what is published. So its result is used only when that much is published, and rows
that changed since are taken from what was published. This way a snapshot, a backlog and the live changes
meet at one place, and no state is delivered twice.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence

from eventstore.place import Place
from projections.live.aligned_reader import AlignedReader, RowQuery
from projections.live.filter_index import FilterIndex
from projections.live.messages import ChangeKind, LiveMessage, RowDelta, Snapshot
from projections.live.recent_changes import Mark, RecentChanges
from projections.live.result_set import MAX_WHOLE_ROWS, InitialRows, MatchingRow, ResultSet
from projections.storage.rows import Row, place
from subscriptions.live.ports import Delivery, Publisher


class RankFilter:
    """The filter of a subscriber that has only the rows from some rank on."""

    def __init__(self, rows: SharedRows, min_rank: int) -> None:
        self._rows = rows
        self._min_rank = min_rank

    def choose(self, message: LiveMessage) -> Delivery:
        if not isinstance(message, RowDelta) or message.concerns(self._min_rank):
            return Delivery.AS_IS
        return Delivery.SKIP if message.change.kind is ChangeKind.REMOVED else Delivery.ALTERNATE

    def ends_after(self, message: LiveMessage) -> bool:
        return message is self._rows.last and self._rows.result_set.min_rank >= self._min_rank


class SharedRows:
    """The result set of one topic, as it is published.

    `last` is the delta that was published last. `index` learns which rows the set contains, so that it finds
    this object for their changes too.
    """

    def __init__(
        self,
        query: RowQuery,
        reader: AlignedReader,
        recent: RecentChanges,
        index: FilterIndex[SharedRows],
        topic: Publisher[LiveMessage],
    ) -> None:
        self.query = query
        self.reader = reader
        self.recent = recent
        self._index = index
        self._topic = topic
        self._lock = asyncio.Lock()
        self._snapshot: tuple[Snapshot, InitialRows] | None = None
        whole_rows = sys.maxsize if query.first is None else max(query.first, MAX_WHOLE_ROWS)
        self.result_set = ResultSet(query.scope, query.filter, whole_rows)
        self.last: RowDelta | None = None
        index.add(self, query.tenant, query.condition)

    def close(self) -> None:
        """Receive no more changes."""
        self._index.remove(self, self.query.tenant)

    def apply(self, row: Row, published: Place | None = None) -> RowDelta | None:
        """Apply a row that has changed, as `ResultSet.apply` does, and return what must be published."""
        delta = self.result_set.apply(row, published)
        if delta is not None:
            # At once: the next change of the row may be in the same batch.
            self._index_row(delta.change.id)
        return delta

    def _index_row(self, row_id: str) -> None:
        """Let the index find this object for the row exactly if the set contains it."""
        change_index = self._index.hold if row_id in self.result_set else self._index.let_go
        change_index(self, self.query.tenant, row_id)

    def publish(self, deltas: Sequence[RowDelta]) -> None:
        """Publish deltas of the result set."""
        if not self.query.scope.is_whole_tenant:
            deltas = [delta.with_floor(self.reader.floor) for delta in deltas]
        if deltas:
            self._snapshot = None
            self.last = deltas[-1]
            self._topic.publish(deltas)

    def with_floor(self, place: Place) -> Place:
        """Return a published place with its floor, which only subscribers need that may not see all rows."""
        return place if self.query.scope.is_whole_tenant else place.with_floor(self.reader.floor)

    def fail(self, error: Exception) -> None:
        """End the streams of the subscribers."""
        self._topic.fail(error)

    def snapshot(self, upto: int) -> tuple[Snapshot, RankFilter | None]:
        """Return the snapshot at this position, and the filter of a subscriber that begins with it.

        Subscribers that join between two changes receive the same snapshot. `read_first_rows` comes first.
        """
        if self._snapshot is None:
            rows = self.result_set.initial_rows(self.query.first)
            assert rows is not None
            self._snapshot = Snapshot(rows.rows, self.with_floor(Place(upto)), rows.has_more), rows
        snapshot, initial = self._snapshot
        has_all = initial.min_rank <= self.result_set.min_rank
        return snapshot, None if has_all else RankFilter(self, initial.min_rank)

    async def read_first_rows(self) -> None:
        """Read the first rows, unless they are known."""
        while True:
            if not await self.reader.erasure_published():
                continue
            if self.result_set.initial_rows(self.query.first) is not None:
                return
            async with self._lock:
                if self.result_set.initial_rows(self.query.first) is None:
                    await self._read_first_rows()

    async def _read_first_rows(self) -> None:
        mark = self.recent.mark()
        position = await self.reader.wait_for_view(0)
        rows, complete = await self.reader.first_rows()
        if not await self.reader.wait_until_published(position, map(place, rows)):
            rows, complete = await self.reader.first_rows(self.reader.position)
        published = Place(self.reader.position)
        self._add(map(MatchingRow.whole, rows), mark, published, complete=complete)

    async def read_all_places(self) -> None:
        """Read the ids and places of all rows that meet the filter, unless they are known."""
        async with self._lock:
            if self.result_set.complete:
                return
            mark = self.recent.mark()
            position = await self.reader.wait_for_view(0)
            matching = await self.reader.matching_places()
            places = (match.place for match in matching)
            is_published = await self.reader.wait_until_published(position, places, resuming=True)
            published = Place(self.reader.position)
            if not is_published:
                ahead = [match.id for match in matching if match.place > published]
                whole = {row["id"]: MatchingRow.whole(row) for row in await self.reader.rows(ahead)}
                matching = [whole.get(match.id, match) for match in matching]
            self._add(matching, mark, published, complete=True)

    def _add(self, matching: Iterable[MatchingRow], mark: Mark, published: Place, *, complete: bool) -> None:
        """Add rows that were read after the mark, except those that changed since: they are published.

        Those after the place `published` were read ahead of it, and need not meet the filter any more.
        """
        changed = self.recent.since(mark, self.query.tenant)
        unchanged = [
            match for match in matching if match.id not in changed or place(changed[match.id]) < match.place
        ]
        lowest_rank = self.result_set.lowest_rank
        present = (match for match in unchanged if match.place <= published)
        new_ids = self.result_set.extend(present, complete=complete)
        for row_id in new_ids:
            self._index.hold(self, self.query.tenant, row_id)
        if new_ids:
            # The present subscribers have not received these rows.
            self._topic.narrow(RankFilter(self, lowest_rank))
        self._snapshot = None
        self.publish_read(
            [match.row for match in unchanged if match.row is not None and match.place > published]
        )

    def publish_read(self, rows: Iterable[Row]) -> None:
        """Publish states that were read before their turn, so that all subscribers have the same rows.

        None of them may be older than a published state of its row.
        """
        published = Place(self.reader.position)
        deltas = [delta for row in rows if (delta := self.apply(row, published)) is not None]
        self.publish(deltas)

    async def refresh(self) -> tuple[int, Place]:
        """Read all present rows again after a rebuild of the view, and publish what differs.

        Return the edition that was read, and the place at which the differences were published.
        """
        async with self._lock:
            present_ids, mark = self.result_set.ids, self.recent.mark()
            position = await self.reader.wait_for_view(0)
            edition = self.reader.edition
            present = await self.reader.rows(present_ids)
            first, complete = await self.reader.first_rows()
            await self.reader.wait_until_published(position, map(place, [*present, *first]))
            published = Place(self.reader.position)
            rows = [row for row in (*first, *present) if row["_created"] <= published.position]
            changed = self.recent.since(mark, self.query.tenant)
            newer = {row["id"]: row for row in self.recent.newer(rows, mark, self.query.tenant)}
            lost = [row_id for row_id in present_ids if row_id not in changed and row_id not in newer]
            deltas = list(self.result_set.refresh(newer.values(), lost, published, complete=complete))
            for delta in deltas:
                self._index_row(delta.change.id)
            self._snapshot = None
            self.publish(deltas)
            return edition, published
