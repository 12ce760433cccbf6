"""What a group of subscribers watches: where what it is told comes from, and how one joins or comes back.

Whatever is read from MongoDB may be further on than the subscribers were told, so it is held back until they
were told that much; what changed meanwhile is known. So a snapshot, a resumption and what follows meet at one
place, and nobody is told a state twice.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from domain.kernel.errors import Unavailable, ViewRebuilding
from eventstore.background import Backoff
from projections.live.aligned_reader import MAX_MISSED, PATIENCE, AlignedReader, RowQuery
from projections.live.recent_changes import Mark
from projections.live.result_set import (
    MAX_WHOLE_ROWS,
    InitialRows,
    LiveMessage,
    MatchingRow,
    ResultSet,
    ResumeState,
    RowDelta,
    Snapshot,
)
from projections.live.resuming import MissedRows, RankFilter, Resumption, Watcher
from projections.live.view_dispatcher import ViewDispatcher
from projections.querying.queries import ViewReader
from projections.storage.rows import Row, place, row_key
from subscriptions.live.messages import CursorExpired, Place
from subscriptions.live.ports import BacklogPage
from subscriptions.live.topic import Topic

logger = logging.getLogger(__name__)

PAGE = 200
"""Changes that are handed out at once to one that was away."""


class RowTopicSource:
    """What was asked for, as the origin of what a group is told.

    `head` tells the end of the log; `left` is called when nobody watches any more.
    """

    def __init__(
        self,
        dispatcher: ViewDispatcher,
        reader: ViewReader,
        head: Callable[[], Awaitable[int]],
        max_lag: int,
        asked: RowQuery,
        left: Callable[[], object],
    ) -> None:
        self._dispatcher = dispatcher
        self._reader = reader
        self._head = head
        self._left = left
        self._reading = AlignedReader(dispatcher, reader, asked)
        self._lock = asyncio.Lock()
        self._returns: WeakKeyDictionary[Watcher, Resumption] = WeakKeyDictionary()
        self._joined: WeakSet[Watcher] = WeakSet()
        self._present: WeakSet[Watcher] = WeakSet()
        self._renewing: asyncio.Task[None] | None = None
        self._stale = False
        self._refreshed = Place(0)
        self._snapshot: tuple[Snapshot, InitialRows] | None = None
        self._group: Topic[LiveMessage, Any] | None = None
        self.max_lag = max_lag
        self.tenant, self.filter, self._first = asked
        kept = sys.maxsize if asked.first is None else max(asked.first, MAX_WHOLE_ROWS)
        self.held = ResultSet(asked.tenant, asked.filter, kept)
        self.last: RowDelta | None = None
        dispatcher.add(self)

    @property
    def position(self) -> int:
        return self._dispatcher.position

    @property
    def erasure(self) -> int:
        return self._dispatcher.erasure

    def attach(self, group: Topic[LiveMessage, Any]) -> None:
        """Tell the group what changes."""
        self._group = group

    def left(self) -> None:
        """The group has no member any more."""
        self._dispatcher.remove(self)
        if self._renewing is not None:
            self._renewing.cancel()
        self._left()

    def check(self) -> None:
        """Nobody is told what was read before an erasure that was met."""
        if self._group is not None:
            self._group.check()

    def take(self, row: Row) -> RowDelta | None:
        """A row has changed."""
        return self.held.take(row)

    def tell(self, changes: Sequence[RowDelta]) -> None:
        """Tell these to all who hold the rows."""
        if changes and self._group is not None:
            self._snapshot = None
            self.last = changes[-1]
            self._group.tell(changes)

    def fail(self, error: Exception) -> None:
        """It cannot be told what changes: their streams end."""
        for member in list(self._present):
            member.fail(error)

    def renew(self) -> None:
        """The view was made anew: tell where rows are others now."""
        self._stale = True
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())

    async def ready(self, member: Watcher) -> None:
        """Wait until the member can be told all that it is to have had up to `position`."""
        await self._dispatcher.begun()
        if member.place is not None and not await self._returns_after(member, member.place):
            return
        while self.erasure > self.position or self.held.join(self._first) is None:
            if self.erasure > self.position:
                await self._dispatcher.reach(self.erasure, PATIENCE)
                continue
            async with self._lock:
                if self.held.join(self._first) is None:
                    await self._read_first()

    async def catch_up(self, member: Watcher, upto: int) -> AsyncGenerator[BacklogPage[LiveMessage], None]:
        """What it is to have had up to there."""
        self._present.add(member)
        back = self._returns.get(member)
        if back is None or back.expired:
            snapshot, joined = self._join(upto)
            member.own = (
                None if joined.since <= self.held.all_since else RankFilter(self, member, joined.since)
            )
            self._returns.pop(member, None)
            member.begun = False
            self._joined.add(member)
            expired = [] if back is None else [CursorExpired(Place(upto))]
            yield BacklogPage([*expired, snapshot], last=True)
            return
        missed = self._missed(back, member, upto)
        for at in range(0, len(missed), PAGE):
            yield BacklogPage(missed[at : at + PAGE], last=at + PAGE >= len(missed))
        self._returns.pop(member, None)

    def _join(self, upto: int) -> tuple[Snapshot, InitialRows]:
        """What is told who joins: the same to all who do until something changes."""
        if self._snapshot is None:
            joined = self.held.join(self._first)
            assert joined is not None
            self._snapshot = Snapshot(joined.rows, Place(upto), joined.has_more), joined
        return self._snapshot

    async def _returns_after(self, member: Watcher, after: Place) -> bool:
        """Read what it has missed since; whether it must begin anew."""
        back = self._returns.setdefault(member, Resumption(ResumeState(after)))
        back.missed = None
        joined = member.begun or member in self._joined
        back.expired = not joined and await self._is_beyond(after)
        while not back.expired and back.missed is None:
            await self._renewed()
            position = await self._reading.view_there(after.position)
            edition, mark = self._reader.edition, self._dispatcher.recent.mark()
            if self._is_older(after, joined=joined):
                back.expired = True
                break
            if not joined and not self.held.complete:
                await self._know_places()
            rows = await self._reading.changed(after)
            if len(rows) > MAX_MISSED:
                back.expired = True
            else:
                await self._reading.settled(position, map(place, rows), returning=True)
                self._take_read(self._dispatcher.recent.unsurpassed(rows, mark, self.tenant))
            if not self._stale and self._reader.edition == edition:
                back.missed = MissedRows(mark, rows)
        return back.expired

    async def _is_beyond(self, after: Place) -> bool:
        """Whether nobody can have been told up to there, as the log does not go so far."""
        return after.position > self.position and after.position > await self._head()

    def _is_older(self, after: Place, *, joined: bool) -> bool:
        """Whether rows became others since, with no change that could be told; who is here is told of it."""
        since = self._reader.edition_since
        return after < self._refreshed if joined else since > 0 and after.position <= since

    def _missed(self, back: Resumption, member: Watcher, upto: int) -> list[RowDelta]:
        assert back.missed is not None
        assert member.place is not None
        rows = {row["id"]: row for row in back.missed.rows}
        for key, row in self._dispatcher.recent.since(back.missed.mark, self.tenant).items():
            # A state that was read may never be told in its turn: the row had changed again by then.
            if key not in rows or place(rows[key]) < place(row):
                rows[key] = row
        known = Place(upto)
        if not member.begun and member not in self._joined:
            member.own = None
        changes = back.away.missed(rows.values(), member.place, known, self.held)
        return [RowDelta(change, None) for change in changes]

    async def _read_first(self) -> None:
        """Know the rows that changed last, as many as are told first."""
        mark = self._dispatcher.recent.mark()
        position = await self._reading.view_there(0)
        rows, complete = await self._matching()
        if not await self._reading.settled(position, map(place, rows)):
            rows, complete = await self._matching(self.position)
        self._learn(map(MatchingRow.whole, rows), mark, complete=complete)

    async def _matching(self, upto: int | None = None) -> tuple[Sequence[Row], bool]:
        """The first rows that came to be up to a position, and whether there are no others."""
        limit = None if self._first is None else self._first + 1
        rows = await self._reader.matching(self.tenant, self.filter, upto, limit)
        return rows[: self._first], limit is None or len(rows) < limit

    async def _know_places(self) -> None:
        """Know of all rows that meet the filter."""
        async with self._lock:
            if self.held.complete:
                return
            mark = self._dispatcher.recent.mark()
            position = await self._reading.view_there(0)
            places = await self._reader.places(self.tenant, self.filter)
            found = [MatchingRow(key, where, None) for key, where in places]
            told = (where for _, where in places)
            if not await self._reading.settled(position, told, returning=True):
                ahead = [row_key(self.tenant, one.id) for one in found if one.place.position > self.position]
                rows = {row["id"]: MatchingRow.whole(row) for row in await self._reader.stored_rows(ahead)}
                found = [rows.get(one.id, one) for one in found]
            self._learn(found, mark, complete=True)

    def _learn(self, found: Iterable[MatchingRow], mark: Mark, *, complete: bool) -> None:
        """Hold these rows too, but those that changed meanwhile: they have been told of, if they concern."""
        changed, known = self._dispatcher.recent.since(mark, self.tenant), Place(self.position)
        unchanged = [one for one in found if one.id not in changed or place(changed[one.id]) < one.place]
        since = self.held.lowest
        new = self.held.extend((one for one in unchanged if one.place <= known), complete=complete)
        for one in new:
            self._dispatcher.hold(self, one)
        if new:
            # Who is here already was not told of them.
            for member in self._present:
                member.own = member.own or RankFilter(self, member, since)
        self._snapshot = None
        self._take_read([one.row for one in unchanged if one.row is not None and one.place > known])

    def _take_read(self, rows: Iterable[Row]) -> None:
        """Tell of states that were read and not told: who comes is told them, and all hold the same.

        None of them is older than what was told of the row: it might be taken for the one that comes next.
        """
        known = Place(self.position)
        changes = [change for row in rows if (change := self.held.take(row, known)) is not None]
        self._dispatcher.publish(self, changes)

    async def _renewed(self) -> None:
        while self._stale and self._renewing is not None:
            await asyncio.wait([self._renewing])

    async def _renew(self) -> None:
        backoff = Backoff()
        while self._stale:
            try:
                async with self._lock:
                    await self._refresh()
            except ViewRebuilding as error:
                # What is read now has not the fields that were asked for: nobody can say what changed.
                self.fail(error)
                return
            except Exception as error:
                if not isinstance(error, Unavailable):
                    logger.exception("subscribers cannot be told of rows that were made anew for now")
                await asyncio.sleep(backoff.pause(error))

    async def _refresh(self) -> None:
        """Tell what is otherwise in the rows that are held, and of others that meet the filter now."""
        held, mark = self.held.ids, self._dispatcher.recent.mark()
        position = await self._reading.view_there(0)
        edition = self._reader.edition
        rows = await self._reader.stored_rows([row_key(self.tenant, one) for one in held])
        others, complete = await self._matching()
        await self._reading.settled(position, map(place, [*rows, *others]))
        known = Place(self.position)
        rows = [row for row in (*others, *rows) if row["_created"] <= known.position]
        changed = self._dispatcher.recent.since(mark, self.tenant)
        now = {row["id"]: row for row in self._dispatcher.recent.unsurpassed(rows, mark, self.tenant)}
        lost = [one for one in held if one not in changed and one not in now]
        changes = list(self.held.refresh(now.values(), lost, known, complete=complete))
        self._stale = self._reader.edition != edition
        self._snapshot, self._refreshed = None, known
        self._dispatcher.publish(self, changes)
