"""Locates the rows of a view: their collection, and the position up to which they are complete."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from domain.kernel.obstacles import Obstacle
from eventstore.fingerprint import same_fold
from eventstore.mongo.driver import Collection, Database, Document
from projections.kernel.view import View
from projections.querying.filters import EVERYTHING, Filter, fields_of
from projections.querying.gaps import RowGaps, row_gaps
from projections.querying.row_scope import RowScope
from projections.storage.rows import Row, collection
from projections.storage.view_fingerprint import view_fingerprint
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.state import ConsumerState, GenerationState
from subscriptions.feed.polled_position import PolledPosition
from subscriptions.feed.position_waiters import TopicListener
from subscriptions.feed.wakeups import Wakeups


def consumer_name(view: View[Any]) -> str:
    """Return the name of the view's durable consumer, which is also the topic of its position."""
    return f"view.{view.name}"


def switch_topic(view: View[Any]) -> str:
    """Return the topic of switches: the number of the generation that became the active one is announced."""
    return f"{consumer_name(view)}.active"


def rows_topic(view: View[Any]) -> str:
    """Return the topic of written rows: their highest position is announced, before the checkpoint."""
    return f"{consumer_name(view)}.rows"


class ViewLocator:
    """The rows of one view, for all readers of a process. Its methods raise Unavailable.

    `poll_interval`, in seconds, is the longest time until a new active generation is noticed; a read of the
    position notices it at once. Until then the rows of the former generation are read, which are correct up
    to its position.

    `edition` is the number of the generation with which rows last changed their content, as of the last read
    of the state. `edition_since` is the position at which that one became active: a client that has had no
    later message may have rows of the former content.
    """

    def __init__(
        self,
        view: View[Any],
        database: Database,
        checkpoints: Checkpoints,
        wakeups: Wakeups,
        poll_interval: float,
    ) -> None:
        self.view = view
        self._database = database
        self._checkpoints = checkpoints
        self._wakeups = wakeups
        self._poll_interval = poll_interval
        name = consumer_name(view)
        self._polled = PolledPosition(name, self.position, self.listen(), poll_interval)
        self.rows_written = wakeups.position_waiters(rows_topic(view))
        self._switches = wakeups.listen(switch_topic(view))
        self._latest: tuple[int, int] | None = None
        self._last_collection: tuple[int, Collection] | None = None
        self._gaps: dict[str, RowGaps | None] = {}
        self._read_at = 0.0
        self._code: str | None = None
        self._active_code: str | None = None
        self._has_gaps = False
        self.edition = 0
        self.edition_since = 0

    async def is_of_this_code(self) -> bool:
        """Return whether this process's code made the rows of the active generation.

        False also if the rows lack a field that the view declares; True if there is no active generation.
        """
        await self.rows()
        if self._active_code is None:
            return True
        if self._code is None:
            # The first time reads the source of the modules, which takes up to a second.
            self._code = await asyncio.to_thread(view_fingerprint, self.view)
        return not self._has_gaps and same_fold(self._active_code, self._code)

    def listen(self) -> TopicListener:
        """Return a new listener to the position of the view."""
        return self._wakeups.listen(consumer_name(self.view))

    async def rows(self) -> Collection:
        """Return the rows of the active generation, or of the first one that will be."""
        due = time.monotonic() - self._poll_interval
        if self._latest is None or self._read_at <= due or self._switches.take():
            # Set before the read, so that concurrent readers do not read the state too.
            self._read_at = time.monotonic()
            await self._look()
        assert self._latest is not None
        return self._collection(self._latest[1])

    def _collection(self, generation: int) -> Collection:
        """Return the rows of a generation. Making the driver's object takes longer than the rest."""
        if self._last_collection is None or self._last_collection[0] != generation:
            self._last_collection = generation, collection(self._database, self.view, generation)
        return self._last_collection[1]

    async def generation(self) -> int:
        """Return the number of the generation whose rows `rows` returns."""
        await self.rows()
        assert self._latest is not None
        return self._latest[1]

    async def progress(self) -> tuple[int, int]:
        """Return the number of the active generation, and the position up to which it is complete."""
        state = await self._look()
        return _readable(state), state.position

    def gaps(self, rows: Collection) -> RowGaps | None:
        """Return the declared fields that rows of this collection lack; None if they lack none."""
        return self._gaps.get(rows.name)

    def adapted(self, rows: Collection, filter: Filter, others: Iterable[str] = ()) -> Filter:
        """Return the filter for rows of this collection: see `RowGaps.adapt`.

        Raises ViewRebuilding, also if the rows lack one of the `others` that are sorted or searched by.
        """
        gaps = self._gaps.get(rows.name)
        if gaps is None:
            return filter
        gaps.require(others)
        return gaps.adapt(filter)

    def restricted(self, rows: Collection, scope: RowScope, adapted: Filter = EVERYTHING) -> Filter:
        """Return the filter for the scope's rows of this collection that match an adapted filter.

        Raises ViewRebuilding if the rows lack a field of the scope's rule: not even a default replaces it.
        """
        gaps = self._gaps.get(rows.name)
        if gaps is not None and not scope.is_whole_tenant:
            gaps.require(fields_of(scope.rule))
        return scope.restrict(adapted)

    def filled(self, rows: Collection, stored: list[Document]) -> list[Row]:
        """Return rows of this collection with the defaults of fields that they lack: see `RowGaps.fill`."""
        gaps = self._gaps.get(rows.name)
        return list(stored) if gaps is None else [gaps.fill(row) for row in stored]

    async def position(self) -> int:
        """Return the position up to which the active generation is complete."""
        return (await self._look()).position

    async def reached(self) -> tuple[Collection, int]:
        """Return the rows of the active generation, and the position up to which they are complete."""
        state = await self._look()
        return collection(self._database, self.view, _readable(state)), state.position

    async def reach(self, position: int, within: float) -> int:
        """Return the position once it is `position` or more, or as it is after `within` seconds."""
        return await self._polled.reach(position, within)

    async def obstacle(self) -> Obstacle:
        """Return what keeps the view from coming further, by the state of its consumer."""
        return obstacle(await self._look())

    async def _look(self) -> ConsumerState:
        state = await self._checkpoints.state(consumer_name(self.view))
        seen = (state.revision, _readable(state))
        gaps = row_gaps(self.view, state)
        self._gaps[collection(self._database, self.view, seen[1]).name] = gaps
        # Never back: of two concurrent reads, the one that began first may end last.
        if self._latest is None or seen >= self._latest:
            self._latest = seen
            self.edition, self.edition_since = edition(state)
            active = None if state.active is None else state.generations[state.active]
            self._active_code = None if active is None else active.code
            self._has_gaps = gaps is not None
        self._read_at = time.monotonic() if state.active is not None else 0.0
        return state


def _readable(state: ConsumerState) -> int:
    return state.last + 1 if state.active is None else state.active


def obstacle(state: ConsumerState) -> Obstacle:
    """Return what keeps the active generation from coming further."""
    active = None if state.active is None else state.generations[state.active]
    if active is not None and active.blocked is not None:
        return Obstacle.BLOCKED
    if active is None or any(partition.owner is None for partition in active.partitions):
        return Obstacle.NO_WORKER
    codes = [partition.owner_code for partition in active.partitions if partition.owner_code is not None]
    if not all(same_fold(code, active.code) for code in codes):
        is_held = state.of_state(GenerationState.HELD) is not None
        return Obstacle.HELD if is_held else Obstacle.REBUILDING
    return Obstacle.BEHIND if active.failing is None else Obstacle.FAILING


def edition(state: ConsumerState) -> tuple[int, int]:
    """Return the edition of the active generation's rows, and the position at which it began.

    It is the one that was saved at the switch, or else the generation's own number.
    """
    if state.active is None:
        return 0, 0
    active = state.generations[state.active]
    number = active.notes.get("edition", active.number)
    return number, active.switched if number == active.number else active.notes.get("since", 0)
