"""What a subscriber of a live view receives first: a snapshot, or the changes that it has missed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from typing import NamedTuple

from domain.kernel.limit_errors import TooComplex
from eventstore.place import Place
from projections.live.messages import LiveMessage, RowDelta
from projections.live.recent_changes import Mark
from projections.live.resume_state import ResumeState
from projections.live.row_refresher import RowRefresher
from projections.live.shared_rows import SharedRows
from projections.storage.rows import Row, place
from subscriptions.live.messages import CursorExpired
from subscriptions.live.ports import BacklogPage, BacklogRead

PAGE = 200
"""Missed changes that are delivered at once."""


class _MissedRows(NamedTuple):
    """Rows that changed while the subscriber was away, read after the mark.

    Of those that are hidden from it by now, it could see those of `visible_before`; None stands for all.
    """

    mark: Mark
    rows: Sequence[Row]
    visible_before: Collection[str] | None


class RowBacklog:
    """The backlog of one subscriber. It ends at a position where the result set of its topic takes over.

    `read_head` reads the end of the log.
    """

    __slots__ = (
        "_has_snapshot",
        "_is_expired",
        "_missed",
        "_read_head",
        "_refresher",
        "_resume_state",
        "_rows",
    )

    def __init__(
        self, rows: SharedRows, refresher: RowRefresher, read_head: Callable[[], Awaitable[int]]
    ) -> None:
        self._rows = rows
        self._refresher = refresher
        self._read_head = read_head
        self._has_snapshot = False
        self._is_expired = False
        self._resume_state: ResumeState | None = None
        self._missed: _MissedRows | None = None

    async def prepare(self, after: Place | None, *, caught_up: bool) -> None:
        await self._rows.reader.started()
        if after is not None:
            await self._read_missed(after, joined=caught_up or self._has_snapshot)
            if not self._is_expired:
                return
        await self._rows.read_first_rows()

    def read(self, after: Place | None, upto: int, *, caught_up: bool) -> BacklogRead[LiveMessage]:
        if after is None or self._resume_state is None or self._is_expired:
            return self._snapshot(after, upto)
        restarts = not caught_up and not self._has_snapshot
        end = self._rows.with_floor(Place(upto))
        deltas = self._missed_deltas(self._resume_state, after, end)
        return BacklogRead(self._pages(deltas), restarts, end=end)

    def _snapshot(self, after: Place | None, upto: int) -> BacklogRead[LiveMessage]:
        snapshot, rank_filter = self._rows.snapshot(upto)
        messages: list[CursorExpired | LiveMessage] = [snapshot]
        if after is not None and self._resume_state is not None:
            # Of the same place: a subscriber that is cut off before the snapshot receives it at the resume.
            messages.insert(0, CursorExpired(after))
        pages = self._snapshot_page(messages)
        return BacklogRead(pages, restarts=True, filter=rank_filter, end=snapshot.place)

    async def _snapshot_page(
        self, messages: Sequence[CursorExpired | LiveMessage]
    ) -> AsyncGenerator[BacklogPage[LiveMessage], None]:
        yield BacklogPage(messages, last=True)
        # Only now: a page that is not delivered is read again.
        self._resume_state, self._has_snapshot = None, True

    async def _pages(self, deltas: Sequence[RowDelta]) -> AsyncGenerator[BacklogPage[LiveMessage], None]:
        for start in range(0, len(deltas), PAGE):
            yield BacklogPage(deltas[start : start + PAGE], last=start + PAGE >= len(deltas))
        self._resume_state = None

    async def _read_missed(self, after: Place, *, joined: bool) -> None:
        """Read the rows that changed after this place, or find that it has expired."""
        rows, reader, recent = self._rows, self._rows.reader, self._rows.recent
        self._resume_state = self._resume_state or ResumeState(after)
        self._missed = None
        self._is_expired = not joined and await self._is_beyond_log(after)
        while not self._is_expired and self._missed is None:
            await self._refresher.wait()
            position = await reader.wait_for_view(after.position)
            edition, mark = reader.edition, recent.mark()
            if self._precedes_edition(after, joined=joined):
                self._is_expired = True
                return
            if not joined and not rows.result_set.complete:
                await rows.read_all_places()
            changed = await reader.changed_after(after)
            if changed is None:
                self._is_expired = True
                return
            await reader.wait_until_published(position, map(place, changed), resuming=True)
            rows.publish_read(recent.newer(changed, mark, rows.query.tenant))
            try:
                visible_before = await self._visible_before(changed, mark, after)
            except TooComplex:
                self._is_expired = True
                return
            if not self._refresher.is_stale and reader.edition == edition:
                self._missed = _MissedRows(mark, changed, visible_before)

    async def _visible_before(
        self, changed: Sequence[Row], mark: Mark, after: Place
    ) -> Collection[str] | None:
        """Return the ids of hidden rows that the subscriber may have; None stands for all hidden rows.

        Raises TooComplex if there are too many hidden rows.
        """
        if self._rows.query.scope.is_whole_tenant:
            return None
        checked, visible = set[tuple[str, Place]](), set[str]()
        # A row that was hidden may have been visible in between when it is hidden at another place.
        while hidden := self._hidden_states(changed, mark, after) - checked:
            checked |= hidden
            ids = {row_id for row_id, _ in hidden}
            visible.update(await self._rows.reader.visible_since(ids, after))
        return visible

    def _hidden_states(self, changed: Sequence[Row], mark: Mark, after: Place) -> set[tuple[str, Place]]:
        """Return the id and place of each hidden row that changed, also after the mark, and may be older."""
        rows = (*changed, *self._rows.recent.since(mark, self._rows.query.tenant).values())
        is_visible = self._rows.result_set.is_visible
        return {
            (row["id"], place(row))
            for row in rows
            if row["_created"] <= after.position and not is_visible(row)
        }

    async def _is_beyond_log(self, after: Place) -> bool:
        return after.position > self._rows.reader.position and after.position > await self._read_head()

    def _precedes_edition(self, after: Place, *, joined: bool) -> bool:
        """Return whether rows differ since this place because of a rebuild, so that no change says so.

        A subscriber that has joined receives the differences when its topic is refreshed.
        """
        since = self._rows.reader.edition_since
        return after < self._refresher.refreshed_at if joined else since > 0 and after.position <= since

    def _missed_deltas(self, state: ResumeState, after: Place, upto: Place) -> list[RowDelta]:
        assert self._missed is not None
        mark, missed, visible_before = self._missed
        rows = {row["id"]: row for row in missed}
        for row_id, row in self._rows.recent.since(mark, self._rows.query.tenant).items():
            # The state that was read may never be published, if the row has changed again since.
            if row_id not in rows or place(rows[row_id]) < place(row):
                rows[row_id] = row
        changes = state.missed(rows.values(), after, upto, self._rows.result_set, visible_before)
        return [RowDelta(change, None) for change in changes]
