"""Live views: the rows a subscriber asked for, then each change after the view has it.

What is there is read after the view's position, and changes are followed from that position on, so that
nothing falls between the two; what was told already is known by each row's own place.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

from domain.kernel.errors import StaleRead
from projections.querying.filters import Condition, Filter, parse_filter
from projections.querying.queries import ViewReader
from projections.rows import Row, place
from projections.watching.changes import LiveChanges
from projections.watching.held import Changed, Held, Snapshot
from subscriptions.messages import MAX_LAG, CaughtUp, Lagged, Place

ViewMessage = Snapshot | Changed | CaughtUp | Lagged

ReadAgain = Callable[[Sequence[str]], Awaitable[Iterable[Row]]]

SETTLING = 2.0
"""Seconds that a snapshot waits for a checkpoint that is to follow rows which are written already."""

PATIENCE = 60.0
"""Seconds of one wait for a view that is behind the place a subscriber resumes at."""


class LiveView:
    """Serves the subscribers of one view. Who falls `max_lag` positions behind is told `Lagged`."""

    def __init__(self, reader: ViewReader, changes: LiveChanges, *, max_lag: int = MAX_LAG) -> None:
        self._reader = reader
        self._changes = changes
        self._max_lag = max_lag

    def watch_one(
        self, tenant: str, id: str, after: Place | None = None
    ) -> AsyncGenerator[ViewMessage, None]:
        """As `watch_many`, for the row of this id, whether it exists yet or not."""
        return self._watch(tenant, Condition("id", "eq", id), 1, after)

    def watch_many(
        self,
        tenant: str,
        filter: Mapping[str, Any] | None = None,
        first: int | None = None,
        after: Place | None = None,
    ) -> AsyncGenerator[ViewMessage, None]:
        """The tenant's rows that meet the filter, live.

        Without `after`: a `Snapshot` of the `first` rows, those that changed last, and `CaughtUp`. With it:
        each row that changed since, once, as it is now, and `CaughtUp`. Then each change of what is held.
        Raises ValidationFailed at ``filter``, at once; the stream raises Unavailable where MongoDB does not
        answer.
        """
        return self._watch(tenant, parse_filter(self._reader.view, filter), first, after)

    async def _watch(
        self, tenant: str, filter: Filter, first: int | None, after: Place | None
    ) -> AsyncGenerator[ViewMessage, None]:
        await (self._settle() if after is None else self._reach(after.position))
        position = await self._reader.position()
        edition = self._reader.edition
        rows = await self._reader.matching(tenant, filter, position, first if after is None else None)
        if after is None:
            held = Held(tenant, filter, rows)
            yield Snapshot(rows, Place(position))
        else:
            held = Held(tenant, filter, [row for row in rows if place(row) <= after])
            async with aclosing(self._changed_since(tenant, after.position)) as changed:
                async for row in changed:
                    for change in held.resume(row, after, Place(position)):
                        yield change
        yield CaughtUp(Place(position))
        again = partial(self._as_they_are, tenant, filter, first)
        async with aclosing(self._follow(held, position, edition, again)) as changes:
            async for message in changes:
                yield message

    async def _follow(
        self, held: Held, position: int, edition: int, again: ReadAgain
    ) -> AsyncGenerator[Changed | Lagged, None]:
        async with aclosing(self._changes.follow(position)) as batches:
            async for batch in batches:
                if self._changes.edition not in (0, edition):
                    edition = self._changes.edition
                    for change in held.refresh(await again(held.ids), Place(position)):
                        yield change
                position = batch.position
                for row in batch.items:
                    now = await self._current(row, batch.erasure)
                    if now is None or place(now) != place(row):
                        # It changed again, and comes again in its turn.
                        continue
                    for change in held.take(now):
                        yield change
                if self._changes.reached - batch.position > self._max_lag:
                    yield Lagged(Place(batch.position))
                    return

    async def _as_they_are(
        self, tenant: str, filter: Filter, first: int | None, ids: Sequence[str]
    ) -> list[Row]:
        """The rows of these ids, and the `first` others that meet the filter, as they are now."""
        position = await self._reader.position()
        held = await self._reader.matching(tenant, Condition("id", "in", tuple(ids)), position)
        return held + await self._reader.matching(tenant, filter, position, first)

    async def _changed_since(self, tenant: str, position: int) -> AsyncGenerator[Row, None]:
        """As `ViewReader.changed_since`, each row once, as it is when its turn comes.

        One that changes meanwhile comes again when the changes are followed.
        """
        with self._changes.live():
            erasure = self._changes.erasure
            async with aclosing(self._reader.changed_since(tenant, position)) as changed:
                seen: set[str] = set()
                async for row in changed:
                    now = await self._current(row, erasure)
                    if now is not None and row["_id"] not in seen:
                        seen.add(row["_id"])
                        yield now

    async def _current(self, row: Row, erasure: int) -> Row | None:
        """What was read before an erasure after `erasure` is read again: a subscriber may be slow."""
        if not row.get("_open") or self._changes.erasure == erasure:
            return row
        return await self._reader.stored(row["_id"])

    async def _settle(self) -> None:
        """Wait until the view is where its rows are: what a query has told, the snapshot tells too."""
        with suppress(StaleRead):
            await self._reader.wait_for(await self._reader.written(), SETTLING)

    async def _reach(self, position: int) -> None:
        """Wait until the view is there: only then does it tell what a subscriber of that place holds."""
        while True:
            try:
                return await self._reader.wait_for(position, PATIENCE)
            except StaleRead:
                continue
